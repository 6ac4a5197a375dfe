"""A gateway's decoding, by microvq and by onnxruntime, in turns on one core.

Many devices' packets, the oldest of each device in turn: microvq decodes them, range coder and prior included; onnxruntime is given the latents that the
packets hold and runs the same net. And the net alone over a long file, by both. Needs this folder's requirements; see README.md.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

from opponent import Decoder

HERE = pathlib.Path(__file__).resolve().parent
# Of the integer net's output, in its own steps: every layer rounds once, and what a layer rounds the next ones pass on. In counts of a sample one more
# rounding comes on top.
MOST_RMS, MOST_STEPS = 1.0, 6.0
# Hops of the long file that the opponent gets at a time, 0 for all at once: it is measured with the faster.
LONG_BLOCKS = [256, 0]


class Program:
    """Our side: a process that does its work once for every line."""

    def __init__(self, arguments, folder):
        hops = ",".join(str(hops) for hops in arguments.packet_hops)
        command = [arguments.program, arguments.model, arguments.recording, folder, "--packet-hops", hops]
        command += ["--devices", arguments.devices, "--quality", arguments.quality]
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.answer()
        # The clock of the processor's time that another process has used.
        self.clock = (~self.process.pid << 3) | 2

    def answer(self):
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"{self.process.args[0]} ended early")
        return answer

    def seconds(self, work):
        """The processor's time for one piece of work."""
        before = time.clock_gettime(self.clock)
        print(work, file=self.process.stdin, flush=True)
        self.answer()
        return time.clock_gettime(self.clock) - before


class Link:
    """The packets of all devices as the opponent gets them: the latents of each, behind those that the net still looks at."""

    def __init__(self, work, link, folder):
        self.work, self.hops, self.packets = work, link["hops"], link["packets"]
        devices = max(device for device, _ in self.packets) + 1
        totals = [0] * devices
        for device, hops in self.packets:
            totals[device] += hops
        self.context = work["receptive_hops"] - 1
        self.latents = split(read_latents(folder / f"latents-{self.hops}.i16", work), [t * work["rows"] for t in totals])
        frames = [total * work["hop"] - work["delay"] for total in totals]
        samples = np.fromfile(folder / f"samples-{self.hops}.i32", np.int32).reshape(-1, work["channels"])
        self.expected = split(samples, frames)
        self.samples = sum(totals) * work["hop"] * work["channels"]
        # In front of a device's first packet there is nothing.
        nothing = np.zeros((self.context * work["rows"], work["latents"]), np.float32)
        padded = [np.concatenate([nothing, latents]) for latents in self.latents]
        self.firsts, self.inputs, heard = [], [], [0] * devices
        for device, hops in self.packets:
            first = heard[device]
            rows = padded[device][first * work["rows"] : (first + self.context + hops) * work["rows"]]
            self.inputs.append(np.ascontiguousarray(rows.T[None]))
            self.firsts.append(first)
            heard[device] += hops

    def seconds(self, decoder):
        run = decoder.run
        before = time.process_time()
        for latents in self.inputs:
            run(latents)
        return time.process_time() - before

    def check(self, decoder):
        """That both give the same samples, as far as integers round."""
        work, worst, squares, count = self.work, 0.0, 0.0, 0
        gains = np.array([scaling["gain"] for scaling in work["scaling"]])
        offsets = np.array([scaling["offset"] for scaling in work["scaling"]])
        for (device, hops), first, latents in zip(self.packets, self.firsts, self.inputs):
            if first < work["receptive_hops"]:
                continue
            start = self.context * work["hop"] - work["delay"]
            output = decoder.run(latents)[0].T[start : start + hops * work["hop"]]
            place = first * work["hop"] - work["delay"]
            counts = self.expected[device][place : place + hops * work["hop"]]
            # In steps of the net's output; a count's own rounding is half of one.
            difference = np.maximum(np.abs(counts - offsets - output * gains) - 0.5, 0) / gains
            worst, squares = max(worst, difference.max()), squares + float((difference**2).sum())
            count += difference.size
        judge(f"packets of {name_of(self.hops)}", (squares / count) ** 0.5, worst)


class Long:
    """The net alone over a long file."""

    def __init__(self, work, folder):
        self.work = work
        latents = read_latents(folder / "long-latents.i16", work)
        width = work["channels"] + work["channels"] % 2 if work["channels"] > 1 else 1
        output = np.fromfile(folder / "long-output.i16", np.int16).reshape(-1, width)
        self.expected = output[:, : work["channels"]]
        self.hops = len(latents) // work["rows"]
        self.samples = self.hops * work["hop"] * work["channels"]
        self.forms = {}
        for block in LONG_BLOCKS:
            step, inputs = block or self.hops, []
            for first in range(0, self.hops, step):
                start = max(first - work["receptive_hops"], 0)
                end = min(first + step + work["closing_hops"], self.hops)
                rows = latents[start * work["rows"] : end * work["rows"]]
                inputs.append((first - start, min(step, self.hops - first), np.ascontiguousarray(rows.T[None])))
            self.forms[block] = inputs

    def seconds(self, decoder, block):
        run, inputs = decoder.run, self.forms[block]
        before = time.process_time()
        for _, _, latents in inputs:
            run(latents)
        return time.process_time() - before

    def check(self, decoder):
        hop = self.work["hop"]
        for block, inputs in self.forms.items():
            runs = [
                decoder.run(latents)[0].T[skipped * hop : (skipped + hops) * hop].copy()
                for skipped, hops, latents in inputs
            ]
            difference = np.abs(np.concatenate(runs) - self.expected)
            judge(f"the long file, {name_of(block)} at a time", float((difference**2).mean() ** 0.5), difference.max())


def judge(what, rms, worst):
    print(f"{what}: both nets differ by {rms:.2f} steps (RMS), {worst:.1f} at most", flush=True)
    if rms > MOST_RMS or worst > MOST_STEPS:
        sys.exit("they are not the same net: rounding explains no more than "
                 f"{MOST_RMS} steps (RMS) and {MOST_STEPS} at most")


def read_latents(path, work):
    """Latents `[time, latents]`; rows of an odd number have one element more in the file."""
    width = work["latents"] + work["latents"] % 2 if work["latents"] > 1 else 1
    return np.fromfile(path, np.int16).reshape(-1, width)[:, : work["latents"]].astype(np.float32)


def split(rows, lengths):
    return np.split(rows, np.cumsum(lengths)[:-1])


def name_of(hops):
    return "all that fits" if hops == 0 else f"{hops} hop{'s' if hops > 1 else ''}"


def in_turns(repetitions, ours, theirs):
    """Medians of both sides' seconds, each going first every other time."""
    seconds = ([], [])
    for repetition in range(repetitions + 1):
        for side in (0, 1) if repetition % 2 else (1, 0):
            measured = (ours, theirs)[side]()
            # The first time fills caches.
            if repetition:
                seconds[side].append(measured)
    return [statistics.median(side) for side in seconds]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=pathlib.Path, nargs="?", default=HERE / "../../models/ecg-360hz.vqm")
    parser.add_argument("recording", type=pathlib.Path, nargs="?", default=HERE / "../../data/mitdb-208.hea")
    parser.add_argument("--program", type=pathlib.Path, default=HERE / "../../target/release/vq-gateway")
    parser.add_argument("--devices", type=int, default=64)
    parser.add_argument("--quality", type=int, default=9)
    parser.add_argument("--packet-hops", type=int, nargs="+", default=[1, 4, 16, 0], help="most hops of a packet; 0: as fit")
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--json", type=pathlib.Path, help="file for the figures")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        # Both sides on the same core.
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        program = Program(arguments, folder)
        work = json.loads((folder / "work.json").read_text())
        decoder, long = Decoder(work), Long(work, folder)
        links = [Link(work, link, folder) for link in work["links"]]
    for link in links:
        link.check(decoder)
    long.check(decoder)
    rows = []
    for link in links:
        ours, theirs = in_turns(
            arguments.repetitions,
            lambda: program.seconds(f"packets {link.hops}"),
            lambda: link.seconds(decoder),
        )
        rows.append((f"packets of {name_of(link.hops)}", link.samples, ours, theirs))
    block = min(LONG_BLOCKS, key=lambda block: min(long.seconds(decoder, block) for _ in range(3)))
    ours, theirs = in_turns(arguments.repetitions, lambda: program.seconds("net"), lambda: long.seconds(decoder, block))
    rows.append((f"the net alone, long file ({name_of(block).replace('all that fits', 'whole')})", long.samples, ours, theirs))
    print(f"\n{'million samples a second':<44}{'microvq':>10}{'onnxruntime':>13}{'ratio':>8}")
    for name, samples, ours, theirs in rows:
        print(f"{name:<44}{samples / ours / 1e6:>10.2f}{samples / theirs / 1e6:>13.2f}{theirs / ours:>8.2f}")
    if arguments.json:
        figures = [
            {"work": name, "samples": samples, "microvq_seconds": ours, "onnxruntime_seconds": theirs}
            for name, samples, ours, theirs in rows
        ]
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
