"""Converts a trained network to an OpenVINO graph, which predicts at least twice as fast as Keras on a CPU.

The input of the graph is uint8 RGB, (B, H, W, 3), or RGB and the depth code of `depth_files.load_depth`,
(B, H, W, 4). B may be any number, H and W any multiples of 32. Its outputs are probabilities: "mask"
(B, classes, H, W) and, of a joint network, "label" (B, labels).
"""

import json
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import keras
import numpy as np
import openvino as ov
import tensorflow as tf
from openvino import opset13 as operations
from scipy.special import softmax

from src.common.cores import count_cores
from src.common.errors import OutdatedError
from src.model import colors, replicas, unet

EXPORTED = "network.xml"  # its weights are in network.bin beside it
HALF = "network_float16.xml"  # the same network with float16 weights, half the bytes
KEY = "sidewalk"  # under which the exported files hold metadata
KERAS_LOCK = threading.Lock()  # Keras predicts in one thread at a time
# OpenVINO fills tables of its types at their first use. If two threads use them first at the same time, both
# wait forever (found in version 2026.4). So they are used here, while one thread imports this module.
ov.Tensor(np.zeros(1, ov.Type(np.uint8).to_dtype())).data.sum()


def convert(network: keras.Model) -> ov.Model:
    """Converts a network to a graph whose outputs are probabilities.

    Args:
        network: of `unet.build_segmenter` or `unet.build_joint`.
    """
    graph = _add_softmax(ov.convert_model(trace(network).get_concrete_function()))
    graph.set_rt_info(str(colors.read_depth_unit(network)), [KEY, "depth"])
    return graph


def trace(network: keras.Model) -> Callable:
    """Makes a TensorFlow function from uint8 images (B, H, W, channels) to a network's logits.

    Their second axis is that of the classes: "mask" (B, classes, H, W), "label" (B, labels).
    """
    network = replicas.gather(network)

    @tf.function(input_signature=[tf.TensorSpec((None, *network.input_shape[1:]), tf.uint8, name="image")])
    def predict(image: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = network(image, training=False)
        return logits | {"mask": tf.transpose(logits["mask"], (0, 3, 1, 2))}

    return predict


def _add_softmax(graph: ov.Model) -> ov.Model:
    """Adds a softmax over the classes, the second axis, to each output of a graph.

    It takes a tenth of the time of TensorFlow's softmax over the last axis.
    """
    outputs = []
    for output in graph.outputs:
        logits = output.node.input_value(0)
        names = output.get_names()
        probabilities = operations.softmax(logits, 1).output(0)
        logits.set_names(set())
        probabilities.set_names(names)
        outputs.append(probabilities)
    return ov.Model(outputs, graph.get_parameters(), "probabilities")


def export(network: keras.Model, folder: Path, about: dict[str, object]) -> Path:
    """Writes a network as files that OpenVINO reads on a robot, without TensorFlow or this project.

    Args:
        network: of `unet.build_segmenter` or `unet.build_joint`.
        folder: to write EXPORTED (float32) and HALF to, each an .xml and a .bin; each file is whole.
        about: metadata of the files by name, such as the classes' names; kept as JSON.

    Returns:
        Path of the float32 .xml.
    """
    folder.mkdir(parents=True, exist_ok=True)
    graph = convert(network)
    for name, value in about.items():
        graph.set_rt_info(json.dumps(value), [KEY, name])
    with tempfile.TemporaryDirectory(dir=folder) as beside:
        ov.save_model(graph, Path(beside) / EXPORTED, compress_to_fp16=False)
        ov.save_model(graph, Path(beside) / HALF, compress_to_fp16=True)
        # sorted: each .bin is moved before its .xml, so that an .xml always has its .bin beside it
        for part in sorted(Path(beside).iterdir()):
            part.replace(folder / part.name)
    return folder / EXPORTED


class Predictor(Protocol):
    """What predicts one image at a time: `KerasPredictor` or `Engine`.

    Attributes:
        depth: metres a step of the depth maps that the network was trained on; 0 for one without depth.
        channels: of the network's input: 3, or with depth 4.
    """

    depth: float
    channels: int

    def predict(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the probabilities "mask" (H, W, classes) and "label" (labels,) of an image.

        Args:
            image: uint8 (H, W, channels).
        """


class KerasPredictor:
    """Predicts by Keras, for machines with a GPU; several threads may use it, one at a time.

    Args:
        network: of `unet.build_segmenter` or `unet.build_joint`.
    """

    def __init__(self, network: keras.Model):
        self.network = network
        self.depth = colors.read_depth_unit(network)
        self.channels = network.input_shape[-1]

    def predict(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the probabilities "mask" (H, W, classes) and "label" (labels,) of an image.

        Args:
            image: uint8 (H, W, channels).
        """
        with KERAS_LOCK:
            logits = self.network.predict_on_batch(image[None])
        return {name: softmax(batch[0], -1) for name, batch in logits.items()}


class Engine:
    """Predicts by a graph compiled for this machine's processor; several threads may use it at once.

    Args:
        graph: of `convert`, or the path of an exported one.
        streams: predictions that are computed at the same time, each on its share of the cores. With 1 a
            single prediction is fastest; with one a core, which 0 stands for, most images a second are.
        cores: that it may use; 0 for all that this process may use.
        exact: False computes in bfloat16 if the processor supports it, as AMD's from Zen 4 on and Intel's
            for servers do. That is 1.6 to 1.9 times as fast, and one pixel in 120 (street photos) to 600
            (built-in world) gets another class.

    Raises:
        OutdatedError: an earlier version of this project exported the graph.
    """

    def __init__(self, graph: ov.Model | Path, streams: int = 0, cores: int = 0, exact: bool = True):
        if cores == 0:
            cores = count_cores()
        if streams == 0:
            streams = cores
        self.graph = ov.Core().read_model(graph) if isinstance(graph, Path) else graph
        if self.graph.output("mask").partial_shape[1].is_dynamic:
            raise OutdatedError(
                f"{graph} must give (B, classes, H, W), found another order, of an earlier version of this "
                "project; run Train_label_seg.ipynb again, which exports it anew."
            )
        self.settings = {
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": cores,
            "INFERENCE_PRECISION_HINT": "f32" if exact or not has_bfloat16() else "bf16",
        }
        available = set()
        for output in self.graph.outputs:
            available |= output.get_names()
        self.outputs = [name for name in ("mask", "label") if name in available]  # a segmenter has no "label"
        self.compiled: dict[tuple, ov.CompiledModel] = {}
        self.lock = threading.Lock()
        self.thread = threading.local()

    @property
    def depth(self) -> float:
        """Metres a step of the depth maps that the network was trained on; 0 for one without depth."""
        return float(self.graph.get_rt_info([KEY, "depth"]).astype(str))

    @property
    def channels(self) -> int:
        """Channels of the network's input."""
        return self.graph.input(0).partial_shape[3].get_length()

    def predict(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the probabilities "mask" (H, W, classes) and "label" (labels,) of an image.

        The mask is a view of an array (classes, H, W), so each class's plane is contiguous.

        Args:
            image: uint8 (H, W, channels).
        """
        if not hasattr(self.thread, "requests"):
            self.thread.requests = {}  # a request for each image shape; a thread cannot use another's
        requests = self.thread.requests
        if image.shape not in requests:
            requests[image.shape] = self._compile(image.shape).create_infer_request()
        batch = np.ascontiguousarray(image)[None]
        result = requests[image.shape].infer([batch], share_inputs=True, share_outputs=True)
        probabilities = {name: result[name][0].copy() for name in self.outputs}
        probabilities["mask"] = probabilities["mask"].transpose(1, 2, 0)
        return probabilities

    def _compile(self, shape: tuple[int, int, int]) -> ov.CompiledModel:
        """Compiles the graph once for each image shape; it runs much faster than one for any shape."""
        with self.lock:
            if shape not in self.compiled:
                graph = self.graph.clone()
                graph.reshape([1, *shape])
                self.compiled[shape] = ov.Core().compile_model(graph, "CPU", self.settings)
            return self.compiled[shape]


def has_bfloat16() -> bool:
    """Returns True if this machine's processor has operations on bfloat16."""
    return "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def open_exported(folder: Path, cores: int = 0) -> Predictor:
    """Opens the network of a finished run as the predictor that is fastest on this machine.

    An exported graph computes in bfloat16 if the processor supports it.

    Args:
        folder: of the run; holds what `unet.load_submitted` reads and perhaps `export/`, of `export`.
        cores: that an exported graph may use; 0 for all that this process may use.
    """
    path = folder / "export" / EXPORTED
    if path.exists() and not tf.config.list_physical_devices("GPU"):
        return Engine(path, cores=cores, exact=False)
    return prepare(unet.load_submitted(folder))


def prepare(network: keras.Model) -> Predictor:
    """Makes the fastest predictor of this machine: Keras if TensorFlow finds a GPU, else an `Engine`."""
    if tf.config.list_physical_devices("GPU"):
        return KerasPredictor(replicas.gather(network))  # else every GPU would predict the same image
    return Engine(convert(network))
