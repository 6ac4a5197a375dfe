"""The Fashion-MNIST autoencoder of vector-quantize-pytorch's examples, trained and measured on held-out images.

Net, quantizer options, loss, optimizer and sizes are those of `examples/autoencoder.py` of its version 1.32; only how images
reach the net differs (one tensor in memory in place of a data loader), which makes it faster. Prints one JSON object.
"""

import argparse
import gzip
import json
import sys
import time

import numpy
import torch
from torch import nn
from vector_quantize_pytorch import Sequential, VectorQuantize

CODES = 256
LATENTS = 32
LEARNING_RATE = 3e-4
COMMITMENT = 10.0


def images(path):
    """The images of an IDX file, `[images, 1, rows, columns]`, from -1 to 1."""
    with gzip.open(path) as file:
        data = file.read()
    magic, count, rows, columns = numpy.frombuffer(data, ">i4", 4)
    if magic != 2051:
        sys.exit(f"{path}: not an IDX file of images")
    pixels = numpy.frombuffer(data, numpy.uint8, offset=16).reshape(count, 1, rows, columns)
    return torch.from_numpy(pixels.astype(numpy.float32)) / 127.5 - 1.0


def autoencoder():
    def convolution(inputs, outputs):
        return nn.Conv2d(inputs, outputs, kernel_size=3, stride=1, padding=1)

    quantizer = VectorQuantize(
        dim=LATENTS,
        accept_image_fmap=True,
        codebook_size=CODES,
        rotation_trick=True,
        straight_through=False,
    )
    return Sequential(
        convolution(1, 16),
        nn.MaxPool2d(kernel_size=2, stride=2),
        nn.GELU(),
        convolution(16, LATENTS),
        nn.MaxPool2d(kernel_size=2, stride=2),
        quantizer,
        nn.Upsample(scale_factor=2, mode="nearest"),
        convolution(LATENTS, 16),
        nn.GELU(),
        nn.Upsample(scale_factor=2, mode="nearest"),
        convolution(16, 1),
    )


def batches(data, size):
    """Shuffled batches, epoch after epoch."""
    while True:
        for indices in torch.randperm(len(data)).split(size):
            if len(indices) == size:
                yield data[indices]


def train(model, data, steps, size):
    """Trains, and gives the seconds that it took and the L1 of the last batch."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    stream = batches(data, size)
    began = time.perf_counter()
    for _ in range(steps):
        batch = next(stream)
        optimizer.zero_grad()
        rebuilt, _, commitment = model(batch)
        distance = (rebuilt.clamp(-1.0, 1.0) - batch).abs().mean()
        (distance + COMMITMENT * commitment).backward()
        optimizer.step()
    return time.perf_counter() - began, distance.item()


@torch.no_grad()
def measure(model, data):
    """Mean absolute error in units of the range -1 to 1, and how often each code was used."""
    model.eval()
    error, counts = 0.0, torch.zeros(CODES)
    for batch in data.split(1000):
        rebuilt, indices, _ = model(batch)
        error += (rebuilt.clamp(-1.0, 1.0) - batch).abs().sum().item()
        counts += torch.bincount(indices.flatten(), minlength=CODES)
    return error / data.numel(), counts


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("training", help="IDX file of the images to train on")
    parser.add_argument("held_out", help="IDX file of the images to measure on")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--seed", type=int, default=1234)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    model = autoencoder()
    seconds, last = train(model, images(arguments.training), arguments.steps, arguments.batch)
    error, counts = measure(model, images(arguments.held_out))
    shares = counts[counts > 0] / counts.sum()
    result = {
        "seed": arguments.seed,
        "steps_per_second": arguments.steps / seconds,
        "l1": error,
        "last_batch_l1": last,
        "active_percent": 100.0 * (counts > 0).double().mean().item(),
        "perplexity": torch.exp(-(shares * shares.log()).sum()).item(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
