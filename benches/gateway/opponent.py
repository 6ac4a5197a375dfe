"""The decoder net in onnxruntime: the ONNX file from the model's own integer weights, and sessions on one thread."""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
ACTIVATIONS = {"relu": ("Relu", {}), "leaky": ("LeakyRelu", {"alpha": 0.125})}


def build(work):
    """The net as an ONNX model: `latents` [1, latents, time] to `samples` [1, channels, time · hop], in the units of the integer net."""
    nodes, tensors, names = [], [], []
    widths = []

    def name_of(source):
        return "latents" if source < 0 else names[source]

    def width_of(source):
        return work["latents"] if source < 0 else widths[source]

    for number, layer in enumerate(work["net"]):
        operation, source = layer["operation"], layer["source"]
        kind, inputs, name = operation["is"], width_of(source), f"layer{number + 1}"
        channels = operation.get("channels", inputs)
        if kind == "add":
            nodes.append(helper.make_node("Add", [name_of(source), name_of(operation["other"])], [name]))
        else:
            kernel, stride, padding = operation["kernel"], operation["stride"], operation["padding"]
            shape = {
                "convolution": (channels, inputs, kernel),
                "transposed": (inputs, channels, kernel),
                "depthwise": (channels, 1, kernel),
            }[kind]
            # As many rows come out as hops ask for: what the streaming net has behind its padding is cropped or filled up at the end.
            pads = [padding, kernel - stride - padding]
            if min(pads) < 0:
                raise SystemExit(f"layer {number + 1} has a padding of {padding}, which ONNX cannot say")
            weight = np.array(layer["weight"], np.float32).reshape(shape)
            tensors.append(numpy_helper.from_array(weight, f"{name}.weight"))
            tensors.append(numpy_helper.from_array(np.array(layer["bias"], np.float32), f"{name}.bias"))
            nodes.append(
                helper.make_node(
                    "ConvTranspose" if kind == "transposed" else "Conv",
                    [name_of(source), f"{name}.weight", f"{name}.bias"],
                    [name],
                    kernel_shape=[kernel],
                    strides=[stride],
                    pads=pads,
                    group=channels if kind == "depthwise" else 1,
                )
            )
        if layer["activation"] != "linear":
            function, attributes = ACTIVATIONS[layer["activation"]]
            nodes.append(helper.make_node(function, [name], [f"{name}.activated"], **attributes))
            name = f"{name}.activated"
        names.append(name)
        widths.append(channels)
    graph = helper.make_graph(
        nodes,
        "decoder",
        [helper.make_tensor_value_info("latents", TensorProto.FLOAT, [1, work["latents"], "time"])],
        [helper.make_tensor_value_info(names[-1], TensorProto.FLOAT, [1, work["channels"], "frames"])],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = 9
    onnx.checker.check_model(model)
    return model, names[-1]


class Decoder:
    """A session of the net, and for every length an input and an output that stay bound."""

    def __init__(self, work):
        self.work = work
        model, self.output = build(work)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self.bound = {}

    def bind(self, rows):
        """Input, output and binding for so many rows of latents."""
        if rows not in self.bound:
            work = self.work
            latents = np.zeros((1, work["latents"], rows), np.float32)
            samples = np.zeros((1, work["channels"], rows // work["rows"] * work["hop"]), np.float32)
            binding = self.session.io_binding()
            binding.bind_input("latents", "cpu", 0, np.float32, latents.shape, latents.ctypes.data)
            binding.bind_output(self.output, "cpu", 0, np.float32, samples.shape, samples.ctypes.data)
            self.bound[rows] = (latents, samples, binding)
        return self.bound[rows]

    def run(self, latents):
        """What the net makes of latents [1, latents, time]; the array is the next run's too."""
        place, samples, binding = self.bind(latents.shape[2])
        np.copyto(place, latents)
        self.session.run_with_iobinding(binding)
        return samples
