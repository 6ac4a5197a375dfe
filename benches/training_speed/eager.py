"""The nets and codes of a run of `vq train`, and its training step, in eager PyTorch: read from the run's folder."""

import argparse
import json
import pathlib
import struct
import time
import tomllib

import numpy
import torch
from torch.nn import functional

LEAKY_SLOPE = 1 / 8
SMOOTHING = 1e-5
LEAST_COUNT = 1e-4


def load_tensors(path):
    """The tensors of a safetensors file by name, and its metadata."""
    data = pathlib.Path(path).read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        assert entry["dtype"] == "F32", f"{name} holds {entry['dtype']}"
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        values = numpy.frombuffer(data[begin:end], "<f4").reshape(entry["shape"])
        tensors[name] = torch.from_numpy(values.copy())
    return tensors, metadata


def parameter(tensors, name):
    return torch.nn.Parameter(tensors[name].clone())


class Net(torch.nn.Module):
    """A net of `run.json`. Every kernel here is at least its stride, and most are padded alike on both sides."""

    def __init__(self, spec, tensors, prefix):
        super().__init__()
        self.nodes = spec["nodes"]
        self.input_rows = spec["input_rows"]
        self.weights, self.biases = torch.nn.ParameterDict(), torch.nn.ParameterDict()
        for node in self.nodes:
            if "add" not in node["operation"]:
                name = node["name"]
                self.weights[name] = parameter(tensors, f"{prefix}.{name}.weight")
                self.biases[name] = parameter(tensors, f"{prefix}.{name}.bias")

    def forward(self, signal):
        outputs = []

        def read(source):
            return signal if source == "input" else outputs[source["node"]]

        for node in self.nodes:
            inputs = read(node["source"])
            ((kind, shape),) = node["operation"].items()
            if kind == "add":
                result = inputs + read(shape["other"])
            else:
                weight, bias = self.weights[node["name"]], self.biases[node["name"]]
                kernel, stride, padding = shape["kernel"], shape["stride"], shape["padding"]
                if kind == "convolution":
                    assert kernel - stride - padding == padding or stride == kernel == 1
                    result = functional.conv1d(inputs, weight, bias, stride, padding)
                elif kind == "transposed" and kernel - stride == 2 * padding:
                    result = functional.conv_transpose1d(inputs, weight, bias, stride, padding)
                else:
                    raise NotImplementedError(f"{node['name']}: {node['operation']}")
            if node["activation"] == "leaky-relu":
                result = functional.leaky_relu(result, LEAKY_SLOPE)
            elif node["activation"] != "linear":
                raise NotImplementedError(node["activation"])
            outputs.append(result)
        return outputs[-1]


class Codebooks(torch.nn.Module):
    """Residual stages whose codes are moving averages of the latents that chose them."""

    def __init__(self, stages, tensors, decay):
        super().__init__()
        self.stages, self.decay = stages, decay
        for stage in range(stages):
            for name in ["codebook", "count", "sum"]:
                self.register_buffer(f"{name}{stage}", tensors[f"quantizer.{stage}.{name}"].clone())

    def forward(self, latents):
        """Quantized latents, the commitment loss, and what `follow` needs."""
        flat = latents.permute(0, 2, 1).reshape(-1, latents.shape[1])
        residual, total, loss, chosen = flat, torch.zeros_like(flat), 0.0, []
        for stage in range(self.stages):
            codebook = getattr(self, f"codebook{stage}")
            with torch.no_grad():
                codes = torch.addmm(codebook.square().sum(1), residual, codebook.T, alpha=-2).argmin(1)
            vectors = codebook[codes]
            chosen.append((residual.detach(), codes))
            loss = loss + (residual - vectors).square().mean()
            residual, total = residual - vectors, total + vectors
        passed = flat + (total - flat).detach()
        batch, width, hops = latents.shape
        return passed.view(batch, hops, width).permute(0, 2, 1), loss, chosen

    @torch.no_grad()
    def follow(self, chosen):
        for stage, (points, codes) in enumerate(chosen):
            codebook, count, total = (getattr(self, f"{name}{stage}") for name in ["codebook", "count", "sum"])
            count.lerp_(torch.bincount(codes, minlength=len(count)).float(), 1 - self.decay)
            total.lerp_(torch.zeros_like(total).index_add_(0, codes, points), 1 - self.decay)
            all_counts = count.sum()
            smoothed = (count + SMOOTHING) * (all_counts / (all_counts + SMOOTHING * len(count)))
            used = (count > LEAST_COUNT).unsqueeze(1)
            codebook.copy_(torch.where(used, total / smoothed.unsqueeze(1), codebook))


def reach(spec):
    """Rows of input before and behind its own that a hop of a net's output depends on: without cancellation, for all weights are one."""
    tensors, channels = {}, []
    for node in spec["nodes"]:
        source = spec["input_channels"] if node["source"] == "input" else channels[node["source"]["node"]]
        ((kind, shape),) = node["operation"].items()
        if kind == "add":
            channels.append(source)
            continue
        sizes = [shape["channels"], source] if kind == "convolution" else [source, shape["channels"]]
        tensors[f"net.{node['name']}.weight"] = torch.ones(*sizes, shape["kernel"])
        tensors[f"net.{node['name']}.bias"] = torch.zeros(shape["channels"])
        channels.append(shape["channels"])
    net, rows, hops = Net(spec, tensors, "net").double(), spec["input_rows"], 33
    signal = torch.zeros(1, spec["input_channels"], hops * rows, dtype=torch.double, requires_grad=True)
    output = net(signal)
    per_hop = output.shape[2] // hops
    middle = hops // 2
    output[:, :, middle * per_hop : (middle + 1) * per_hop].sum().backward()
    heard = signal.grad.abs().sum((0, 1)).nonzero().flatten()
    return middle * rows - heard[0].item(), heard[-1].item() - ((middle + 1) * rows - 1)


class Codec:
    """Encoder, codes and decoder of a run, with the weights of a checkpoint."""

    def __init__(self, run, checkpoint, device):
        record = json.loads((run / "run.json").read_text())
        self.config = tomllib.loads((run / "config.toml").read_text())
        tensors, _ = load_tensors(checkpoint)
        self.encoder = Net(record["encoder"], tensors, "encoder").to(device)
        self.decoder = Net(record["decoder"], tensors, "decoder").to(device)
        self.codebooks = Codebooks(len(record["quantizer"]["stages"]), tensors, self.config["quantizer"]["decay"])
        self.codebooks.to(device)
        hops = lambda rows, net: -(-rows // net.input_rows)
        self.of_encoder = [hops(rows, self.encoder) for rows in reach(record["encoder"])]
        self.of_decoder = [hops(rows, self.decoder) for rows in reach(record["decoder"])]
        self.hop = self.encoder.input_rows
        margins = [sum(pair) for pair in zip(self.of_encoder, self.of_decoder)]
        self.margins = [hops * self.hop for hops in margins]
        self.frames = (self.config["data"]["window_hops"] + sum(margins)) * self.hop
        self.offset = torch.tensor(record["normalization"]["offset"], dtype=torch.double)
        self.scale = torch.tensor(record["normalization"]["scale"], dtype=torch.double)
        names = {f"encoder.{name}": value for name, value in self.encoder.named_parameters()}
        names |= {f"decoder.{name}": value for name, value in self.decoder.named_parameters()}
        # `weights.layer1` of a net is `layer1.weight` in a checkpoint.
        self.parameters = {}
        for name, value in names.items():
            net, kind, layer = name.split(".")
            self.parameters[f"{net}.{layer}.{ {'weights': 'weight', 'biases': 'bias'}[kind] }"] = value
        training = self.config["training"]
        betas = (training["beta1"], training["beta2"])
        self.optimizer = torch.optim.Adam(self.parameters.values(), lr=training["learning_rate"], betas=betas)
        self.clip = training["gradient_clip"]
        self.commitment = self.config["vector"]["commitment"]

    def units(self, counts):
        """Counts `[frames]` of one channel in network units."""
        return ((torch.from_numpy(counts.astype("f8")) - self.offset) / self.scale).float()

    def restore_optimizer(self, checkpoint):
        tensors, metadata = load_tensors(checkpoint)
        updates = json.loads(metadata["state"])["updates"]
        for name, value in self.parameters.items():
            self.optimizer.state[value] = {
                "step": torch.tensor(float(updates[name])),
                "exp_avg": tensors[f"optimizer.first_moment.{name}"].clone(),
                "exp_avg_sq": tensors[f"optimizer.second_moment.{name}"].clone(),
            }

    def step(self, windows):
        """One training step on windows `[batch, 1, frames]`; gives the error and the commitment loss, still on the device."""
        latents = self.encoder(windows)
        latents = latents[:, :, self.of_encoder[0] : latents.shape[2] - self.of_encoder[1]]
        quantized, commitment, chosen = self.codebooks(latents)
        rebuilt = self.decoder(quantized)
        before, after = (hops * self.hop for hops in self.of_decoder)
        rebuilt = rebuilt[:, :, before : rebuilt.shape[2] - after]
        target = windows[:, :, self.margins[0] : windows.shape[2] - self.margins[1]]
        error = (rebuilt - target).square().mean()
        self.optimizer.zero_grad()
        (error + self.commitment * commitment).backward()
        torch.nn.utils.clip_grad_norm_(self.parameters.values(), self.clip)
        self.optimizer.step()
        self.codebooks.follow(chosen)
        return error.detach(), commitment.detach()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=pathlib.Path, help="folder of a run of vq train")
    parser.add_argument("counts", type=pathlib.Path, help="the recording, int16")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--warm", type=int, required=True, help="steps before the clock starts")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    device = torch.device(arguments.device)
    codec = Codec(arguments.run, arguments.run / "checkpoints/latest.safetensors", device)
    signal = codec.units(numpy.fromfile(arguments.counts, "<i2")).to(device)
    batch, offsets = codec.config["training"]["batch"], torch.arange(codec.frames, device=device)
    error = None
    for step in range(arguments.steps):
        if step == arguments.warm:
            if error is not None:
                error.item()
            wall, processor = time.perf_counter(), time.process_time()
        starts = torch.randint(len(signal) - codec.frames + 1, (batch, 1)).to(device)
        error, _ = codec.step(signal[starts + offsets].unsqueeze(1))
    last = error.item()
    steps = arguments.steps - arguments.warm
    seconds = {"wall": (time.perf_counter() - wall) / steps, "processor": (time.process_time() - processor) / steps}
    print(json.dumps({**seconds, "last_error": last}))


if __name__ == "__main__":
    main()
