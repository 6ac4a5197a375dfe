"""Steps per second of `vq train` against the same net in eager PyTorch, alternated in one run on one thread.

First both compute a step from the same weights on the same batch: if their losses or the weights after it differ, there is nothing to compare, and
the program fails.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

import numpy

import eager

HERE = pathlib.Path(__file__).resolve().parent
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
RATE = 360
CHECKED_AFTER = 20
TOLERANCE = 2e-5


def wave(frames):
    """Beats on a wandering baseline, as int16."""
    random = numpy.random.default_rng(1)
    time = numpy.arange(frames) / RATE
    beats = numpy.exp(-(((time * 1.2) % 1 - 0.5) ** 2) / 0.0006)
    return (900 * beats + 200 * numpy.sin(1.9 * time) + random.normal(0, 12, frames)).astype("<i2")


def processor_seconds(command):
    """Runs a program and gives the processor's seconds that it took."""
    process = subprocess.Popen([str(word) for word in command], env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"failed: {process.args}\n{output.decode()}")
    return usage.ru_utime + usage.ru_stime


def train(vq, counts, run, steps, device, log_every):
    """Trains a run from its beginning."""
    shutil.rmtree(run, ignore_errors=True)
    config = run.with_suffix(".toml")
    run_section = f"\n[run]\nlog_every = {log_every}\nvalidate_every = {10 * steps}\ncheckpoint_seconds = 1e6\n"
    config.write_text((HERE / "net.toml").read_text() + run_section)
    raw = ["--rate", RATE, "--channels", 1, "--unit", "mV"]
    return processor_seconds([vq, "train", counts, *raw, "--config", config, "--steps", steps, "--device", device, "-o", run])


def lines(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def check(vq, folder, device):
    """Fails unless both compute the same step. The recording is one window long, so every batch is that window."""
    run, counts = folder / "check", folder / "check.raw"
    wave(1 << 14).tofile(counts)
    train(vq, counts, run, 1, device, 1)
    frames = eager.Codec(run, run / "checkpoints/latest.safetensors", "cpu").frames
    window = wave(frames)
    window.tofile(counts)
    train(vq, counts, run, CHECKED_AFTER, device, 1)
    before = folder / "before.safetensors"
    shutil.copy(run / "checkpoints/latest.safetensors", before)
    text = (run / "config.toml").read_text()
    longer = re.sub(rf"^steps = {CHECKED_AFTER}$", f"steps = {CHECKED_AFTER + 1}", text, count=1, flags=re.MULTILINE)
    assert longer != text, "the run's configuration has no such number of steps"
    (run / "config.toml").write_text(longer)
    processor_seconds([vq, "train", "--resume", run, "--device", device])
    line = lines(run)[-1]
    assert line["step"] == CHECKED_AFTER + 1, line
    codec = eager.Codec(run, before, "cpu")
    codec.restore_optimizer(before)
    for group in codec.optimizer.param_groups:
        group["lr"] = line["learning_rate"]
    batch = codec.config["training"]["batch"]
    windows = codec.units(window).expand(batch, 1, -1).contiguous()
    error, commitment = (value.item() for value in codec.step(windows))
    for name, ours, theirs in [("error", line["reconstruction"], error), ("commitment loss", line["commitment"], commitment)]:
        if abs(ours - theirs) > TOLERANCE * abs(theirs):
            sys.exit(f"the {name} of the same step is {ours} in vq train and {theirs} in eager PyTorch")
    after, _ = eager.load_tensors(run / "checkpoints/latest.safetensors")
    worst = max((after[name] - value.detach()).abs().max().item() for name, value in codec.parameters.items())
    for stage in range(codec.codebooks.stages):
        codes = getattr(codec.codebooks, f"codebook{stage}")
        worst = max(worst, (after[f"quantizer.{stage}.codebook"] - codes).abs().max().item())
    if worst > TOLERANCE:
        sys.exit(f"weights and codes after the same step differ by {worst}")
    print(f"the same step: error {line['reconstruction']:.6f} and {error:.6f}, weights and codes within {worst:.1e}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vq", type=pathlib.Path, default=HERE / "../../target/release/vq", help="the program")
    parser.add_argument("--device", default="cpu", help="cpu or cuda, for both")
    parser.add_argument("--steps", type=int, default=200, help="steps of a turn that are timed")
    parser.add_argument("--turns", type=int, default=5)
    arguments = parser.parse_args()
    vq, device, warm = arguments.vq.resolve(), arguments.device, 60
    steps = arguments.steps + warm
    ratios = {"wall": [], "processor": []}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        check(vq, folder, device)
        counts, run = folder / "long.raw", folder / "long"
        wave(1 << 18).tofile(counts)
        print(" turn   vq train: ms a step, processor's   eager PyTorch: ms a step, processor's", flush=True)
        for number in range(arguments.turns):
            started = train(vq, counts, run, warm, device, warm)
            whole = train(vq, counts, run, steps, device, warm)
            clock = {line["step"]: line["seconds"] for line in lines(run)}
            ours = {"wall": (clock[steps] - clock[warm]) / arguments.steps, "processor": (whole - started) / arguments.steps}
            command = [sys.executable, HERE / "eager.py", run, counts, "--steps", steps, "--warm", warm, "--device", device]
            command = [str(word) for word in command]
            theirs = json.loads(subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True, text=True).stdout)
            numbers = [1000 * side[key] for side in [ours, theirs] for key in ["wall", "processor"]]
            print("{:>5} {:>24.2f} {:>13.2f} {:>28.2f} {:>13.2f}".format(number + 1, *numbers), flush=True)
            for key, values in ratios.items():
                values.append(theirs[key] / ours[key])
    for key, values in ratios.items():
        low, high = min(values), max(values)
        print(f"{key}: {statistics.median(values):.2f} times as many steps per second (median; {low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
