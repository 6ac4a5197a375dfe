"""Makes the tensors that the quantizers are tested against, with the implementation that users know.

    python3 -m venv venv
    venv/bin/pip install torch==2.11.0 vector-quantize-pytorch==1.32.0 safetensors numpy
    venv/bin/python trainer/tests/reference/make.py

Writes one `.safetensors` file per case beside this script, all tensors in 32-bit floats. The versions are checked, and
written into every file. Inputs are stored too: the tests need no generator to be the same as torch's.
"""

import json
import pathlib
from importlib.metadata import version

import torch
from safetensors.torch import save_file
from torch.nn import functional as F
from vector_quantize_pytorch import FSQ, GroupedResidualVQ, ResidualVQ, VectorQuantize
from vector_quantize_pytorch.finite_scalar_quantization import round_ste
from vector_quantize_pytorch.vector_quantize_pytorch import kmeans

PINNED = {"vector-quantize-pytorch": "1.32.0", "torch": "2.11.0"}
HERE = pathlib.Path(__file__).parent
STEPS = 3


def save(case, tensors):
    versions = {name: version(name).split("+")[0] for name in PINNED}
    assert versions == PINNED, f"{versions} instead of {PINNED}"
    floats = {name: tensor.detach().float().contiguous().clone() for name, tensor in tensors.items()}
    file = HERE / f"{case}.safetensors"
    save_file(floats, file, metadata={"state": json.dumps(versions)})
    file.chmod(0o644)


def codebooks(module):
    """The codebooks of a quantizer in the order in which their codes are sent: stage by stage, part by part."""
    if isinstance(module, VectorQuantize):
        return [(module._codebook, head) for head in range(module._codebook.num_codebooks)]
    if isinstance(module, GroupedResidualVQ):
        stages = zip(*(part.layers for part in module.rvqs))
        return [(layer._codebook, 0) for stage in stages for layer in stage]
    return [(layer._codebook, 0) for layer in module.layers]


def state(module, prefix):
    tensors = {}
    for number, (book, head) in enumerate(codebooks(module)):
        # Copies: a step changes them in place.
        tensors[f"{prefix}.{number}.codebook"] = book.embed[head].clone()
        tensors[f"{prefix}.{number}.count"] = book.cluster_size[head].clone()
        tensors[f"{prefix}.{number}.sum"] = book.embed_avg[head].clone()
    return tensors


def codes(indices):
    """`[points, symbols]`, stage by stage, part by part."""
    if indices.ndim == 4:  # groups, batch, points, stages
        return indices[:, 0].permute(1, 2, 0).flatten(1)
    return indices[0].reshape(indices.shape[1], -1)


def vectors(case, module, dimension, spread=1.0, points=48, **arguments):
    """Training steps of a quantizer of vectors: codes, losses, both gradients, and the state after every step."""
    torch.manual_seed(sum(case.encode()))
    module.train()
    for book, head in codebooks(module):
        # A state as after some training: uneven counts, sums that belong to them.
        book.embed.data[head].normal_(0.0, spread)
        if book.use_cosine_sim:
            book.embed.data[head] = F.normalize(book.embed.data[head], dim=-1)
        book.cluster_size[head].uniform_(2.0, 9.0)
        book.embed_avg[head] = book.embed.data[head] * book.cluster_size[head].unsqueeze(-1)
    tensors = state(module, "start")
    for name, parameter in module.named_parameters():
        if "project" in name:
            tensors[name] = parameter
    for step in range(STEPS):
        latents = (torch.randn(1, points, dimension) * 1.2).requires_grad_()
        upstream = torch.randn(1, points, dimension)
        quantized, indices, losses = module(latents, **arguments)
        (through,) = torch.autograd.grad((quantized * upstream).sum(), latents, retain_graph=True)
        learned = [book.embed for book, _ in codebooks(module)[:1] if book.learnable_codebook]
        # Every part of a group has its own loss; ours is over all latents.
        per_stage = losses.mean(0) if losses.ndim > 1 else losses.reshape(-1)
        gradients = torch.autograd.grad(per_stage.sum(), [latents, *learned])
        tensors |= {
            f"{step}.latents": latents[0],
            f"{step}.upstream": upstream[0],
            f"{step}.quantized": quantized[0],
            f"{step}.codes": codes(indices),
            f"{step}.losses": per_stage,
            f"{step}.through": through[0],
            f"{step}.commitment": gradients[0][0],
        }
        if learned:
            tensors[f"{step}.codebook"] = gradients[1][0]
        else:
            tensors |= state(module, f"{step}.after")
    save(case, tensors)


def every_vector_quantizer():
    torch.manual_seed(0)
    shared = dict(threshold_ema_dead_code=0, commitment_weight=1.0)
    straight = dict(shared, rotation_trick=False)
    vectors("moving_average", VectorQuantize(4, 12, decay=0.8, **straight), 4)
    learned = VectorQuantize(4, 12, learnable_codebook=True, ema_update=False, **straight)
    vectors("gradient", learned, 4)
    vectors("rotation", VectorQuantize(4, 12, decay=0.9, rotation_trick=True, **shared), 4)
    vectors("cosine", VectorQuantize(4, 12, decay=0.8, use_cosine_sim=True, **straight), 4)
    low = VectorQuantize(6, 12, codebook_dim=2, decay=0.8, **straight)
    vectors("low_dimensional", low, 6, spread=0.5)
    product = VectorQuantize(6, 8, heads=3, codebook_dim=2, separate_codebook_per_head=True, decay=0.8, **straight)
    vectors("product", product, 6)
    sizes = dict(dim=4, codebook_size=(12, 8, 6), decay=0.9, **straight)
    vectors("residual", ResidualVQ(**sizes), 4)
    # Of the seeds 0, 1, … the first that leaves the last of three stages out.
    dropout = ResidualVQ(quantize_dropout=True, **sizes)
    vectors("residual_dropout", dropout, 4, rand_quantize_dropout_fixed_seed=first_seed_that_draws(1))
    grouped = GroupedResidualVQ(dim=6, groups=2, num_quantizers=2, codebook_size=8, decay=0.8, **straight)
    vectors("grouped", grouped, 6)


def first_seed_that_draws(last_stage, stages=3):
    import random

    return next(seed for seed in range(100) if random.Random(seed).randrange(0, stages) == last_stage)


def finite_scalar():
    torch.manual_seed(1)
    levels = [3, 4, 5, 8]
    quantizer = FSQ(levels)
    latents = (torch.randn(1, 64, len(levels)) * 1.5).requires_grad_()
    upstream = torch.randn(1, 64, len(levels))
    quantized, joint = quantizer(latents)
    (gradient,) = torch.autograd.grad((quantized * upstream).sum(), latents)
    save("finite_scalar", {
        "levels": torch.tensor(levels),
        "latents": latents[0],
        "upstream": upstream[0],
        "quantized": quantized[0],
        "codes": quantizer.indices_to_level_indices(joint[0]),
        "through": gradient[0],
    })


def rounding():
    torch.manual_seed(2)
    step = torch.tensor([0.5, 1.0, 0.2])
    latents = (torch.randn(1, 40, 3) * 1.5 * step).requires_grad_()
    upstream = torch.randn(1, 40, 3)
    quantized = round_ste(latents / step) * step
    (gradient,) = torch.autograd.grad((quantized * upstream).sum(), latents)
    save("rounding", {
        "step": step,
        "latents": latents[0],
        "upstream": upstream[0],
        "quantized": quantized[0],
        "through": gradient[0],
    })


def clusters():
    torch.manual_seed(3)
    points = torch.randn(1, 120, 3)
    seeds = points[:, :6].clone()
    tensors = {"points": points[0], "seeds": seeds[0]}
    for rounds in (1, 5):
        centroids, _ = kmeans(points, 6, rounds, sample_fn=lambda samples, number: seeds)
        tensors[f"centroids.{rounds}"] = centroids[0]
    save("kmeans", tensors)


if __name__ == "__main__":
    every_vector_quantizer()
    finite_scalar()
    rounding()
    clusters()
