"""The same autoencoder trained by microvq and by vector-quantize-pytorch, side by side on Fashion-MNIST.

For every seed both train at the same time, with one thread each, so that whatever else the machine does slows both alike. Needs
this folder's requirements; see README.md.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TRAINING = "train-images-idx3-ubyte.gz"
HELD_OUT = "t10k-images-idx3-ubyte.gz"
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


class Running:
    """A program that runs beside others; knows the processor's seconds that it took."""

    def __init__(self, command):
        self.command = [str(word) for word in command]
        self.process = subprocess.Popen(
            self.command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.usage = None

    def finished(self):
        if self.usage is None:
            process, status, usage = os.wait4(self.process.pid, os.WNOHANG)
            if process == 0:
                return False
            if status != 0:
                sys.exit(f"failed: {' '.join(self.command)}")
            self.usage = usage
        return True

    def result(self):
        """The output and the processor's seconds."""
        return self.process.stdout.read(), self.usage.ru_utime + self.usage.ru_stime


def side_by_side(arguments, seed):
    """Both results of a seed."""
    training, held_out = arguments.data / TRAINING, arguments.data / HELD_OUT
    run = arguments.output / f"seed-{seed}"
    ours = Running(
        [arguments.vq, "train", training, "--config", arguments.config, "--seed", seed, "--steps", arguments.steps, "-o", run]
    )
    theirs = Running(
        [sys.executable, HERE / "opponent.py", training, held_out, "--seed", seed, "--steps", arguments.steps]
    )
    # Both outputs are far smaller than a pipe holds.
    while not (ours.finished() & theirs.finished()):
        time.sleep(0.2)
    _, our_seconds = ours.result()
    output, their_seconds = theirs.result()
    their = {**json.loads(output), "processor_seconds": their_seconds}
    command = [arguments.vq, "eval", "--run", run, held_out, "--json"]
    evaluation = json.loads(subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True, text=True).stdout)
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    our = {
        "seed": seed,
        "steps_per_second": last["step"] / last["seconds"],
        "l1": evaluation["l1"],
        "active_percent": evaluation["symbols"][0]["active_percent"],
        "perplexity": evaluation["symbols"][0]["perplexity"],
        "processor_seconds": our_seconds,
    }
    return our, their


def row(name, result):
    return (
        f"{name:<26} {result['seed']:>6} {result['l1']:>9.4f} {result['active_percent']:>9.1f} % "
        f"{result['perplexity']:>10.1f} {result['steps_per_second']:>8.2f} {result['processor_seconds']:>11.0f}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=pathlib.Path, help="folder of `vq data fashion-mnist`")
    parser.add_argument("--vq", type=pathlib.Path, default=HERE / "../../target/release/vq", help="the program")
    parser.add_argument("--config", type=pathlib.Path, default=HERE / "autoencoder.toml", help="our configuration")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--output", type=pathlib.Path, required=True, help="folder for our runs and results.json")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    print("                             seed        L1  codes used  perplexity  steps/s  processor s", flush=True)
    pairs = []
    for seed in arguments.seeds:
        our, their = side_by_side(arguments, seed)
        print(row("microvq", our), row("vector-quantize-pytorch", their), sep="\n", flush=True)
        pairs.append((our, their))
    (arguments.output / "results.json").write_text(json.dumps(pairs, indent=1) + "\n")

    def mean(side, key):
        return statistics.mean(pair[side][key] for pair in pairs)

    lower = 100 * (1 - mean(0, "l1") / mean(1, "l1"))
    least = min(our["active_percent"] for our, _ in pairs)
    speed = statistics.median(our["steps_per_second"] / their["steps_per_second"] for our, their in pairs)
    processor = statistics.median(their["processor_seconds"] / our["processor_seconds"] for our, their in pairs)
    print(f"L1 on the held-out images: {mean(0, 'l1'):.4f} against {mean(1, 'l1'):.4f}, {lower:.1f} % lower")
    print(f"codes used on them: at least {least:.1f} %")
    print(f"speed: {speed:.2f} times as many steps per second; {processor:.2f} times by the processor's seconds of the whole run")


if __name__ == "__main__":
    main()
