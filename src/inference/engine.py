"""A trained network -> OpenVINO's graph, which answers at least twice as fast as Keras here; and its files.

The graph takes uint8 RGB (B, H, W, 3), or with the code of depth (B, H, W, 4), of any B, and H and W that are
multiples of 32, and gives the probabilities "mask" (B, classes, H, W) and, for a joint network, "label"
(B, labels).
"""

import tempfile
import threading
from pathlib import Path
from typing import Protocol

import keras
import numpy as np
import openvino as ov
import tensorflow as tf
from openvino import opset13 as operations

from src.common.cores import count_cores
from src.common.errors import OutdatedError
from src.model import unet

EXPORTED = "network.xml"  # and network.bin beside it
HALF = "network_float16.xml"  # its weights rounded to float16, half the bytes
KEY = "sidewalk"  # of what the exported files say of themselves
KERAS = threading.Lock()  # Keras answers one thread at a time
# OpenVINO fills tables of types when they are first asked for, and two threads that both are the first wait
# for each other forever (seen in 2026.4): so they are asked for here, where only one imports
ov.Tensor(np.zeros(1, ov.Type(np.uint8).to_dtype())).data.sum()


def convert(network: keras.Model) -> ov.Model:
    """Turns a network into a graph, probabilities and all.

    Args:
        network: of `model.build_segmenter` or `model.build_joint`.
    """

    @tf.function(input_signature=[tf.TensorSpec((None, *network.input_shape[1:]), tf.uint8, name="image")])
    def answer(image: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = network(image, training=False)
        return logits | {"mask": tf.transpose(logits["mask"], (0, 3, 1, 2))}

    graph = _end_in_probabilities(ov.convert_model(answer.get_concrete_function()))
    graph.set_rt_info(str(unet.read_depth_unit(network)), [KEY, "depth"])
    return graph


def _end_in_probabilities(graph: ov.Model) -> ov.Model:
    """Adds a softmax over the classes, the second axis, to each output of a graph.

    OpenVINO's own over whole planes takes a tenth of the time of TensorFlow's over each pixel's few classes.
    """
    ends = []
    for output in graph.outputs:
        logits, names = output.node.input_value(0), output.get_names()
        ends.append(operations.softmax(logits, 1).output(0))
        logits.set_names(set())
        ends[-1].set_names(names)
    return ov.Model(ends, graph.get_parameters(), "probabilities")


def export(network: keras.Model, folder: Path, about: dict[str, str]) -> Path:
    """Writes a network as files that OpenVINO opens on a robot, without TensorFlow or this project.

    Args:
        network: of `model.build_segmenter` or `model.build_joint`.
        folder: to write EXPORTED (float32) and HALF to, each an .xml and a .bin, whole or not at all.
        about: what the files shall say of themselves, as the classes' names.

    Returns:
        Path of the float32 .xml.
    """
    folder.mkdir(parents=True, exist_ok=True)
    graph = convert(network)
    for name, text in about.items():
        graph.set_rt_info(text, [KEY, name])
    with tempfile.TemporaryDirectory(dir=folder) as beside:
        ov.save_model(graph, Path(beside) / EXPORTED, compress_to_fp16=False)
        ov.save_model(graph, Path(beside) / HALF, compress_to_fp16=True)
        for part in sorted(Path(beside).iterdir()):  # .bin before .xml, which is what is looked for
            part.replace(folder / part.name)
    return folder / EXPORTED


class Predictor(Protocol):
    """What answers for one photo at a time, whatever calculates.

    Attributes:
        depth: metres a step of the depth maps that the network is used to; 0 for one without depth.
        channels: of what the network sees, 3 or, with depth, 4.
    """

    depth: float
    channels: int

    def predict(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Answers for one frame: uint8 (H, W, channels) -> probabilities "mask" (H, W, classes), "label"."""


class KerasPredictor:
    """A Keras network that predicts where TensorFlow sees a GPU; threads ask it one after another.

    Args:
        network: of `model.build_segmenter` or `model.build_joint`.
    """

    def __init__(self, network: keras.Model):
        self.network = network
        self.depth = unet.read_depth_unit(network)
        self.channels = network.input_shape[-1]

    def predict(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Answers for one frame: uint8 (H, W, channels) -> probabilities "mask" (H, W, classes), "label"."""
        with KERAS:
            logits = self.network.predict_on_batch(image[None])
        return {name: softmax(part[0]) for name, part in logits.items()}


def softmax(logits: np.ndarray) -> np.ndarray:
    """Turns logits into probabilities along the last axis, float32."""
    p = np.exp(logits - logits.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


class Engine:
    """A graph compiled for this machine's processor; may be asked from several threads at once.

    Args:
        graph: of `convert`, or the path of an exported one.
        streams: how many answers are worked on at the same time, each on its share of the cores. One answers
            a single photo soonest; as many as cores answer most photos a second.
        cores: how many it may use; 0 for all that this process may use.
        exact: False calculates in bfloat16 where the processor can, as AMD's from Zen 4 and Intel's of
            servers: 1.6 to 1.9 times as fast, and one pixel in 120 (street photos) to 600 (the world) gets
            another class.
    """

    def __init__(self, graph: ov.Model | Path, streams: int = 0, cores: int = 0, exact: bool = True):
        cores = cores or count_cores()
        self.graph = ov.Core().read_model(graph) if isinstance(graph, Path) else graph
        if self.graph.output("mask").partial_shape[1].is_dynamic:
            raise OutdatedError(
                f"{graph} must give (B, classes, H, W), found another order, of an earlier version of this "
                "project; run Train_label_seg.ipynb again, which exports it anew."
            )
        self.settings = {
            "NUM_STREAMS": streams or cores,
            "INFERENCE_NUM_THREADS": cores,
            "INFERENCE_PRECISION_HINT": "f32" if exact or not has_bfloat16() else "bf16",
        }
        said = {name for output in self.graph.outputs for name in output.get_names()}
        self.outputs = [name for name in ("mask", "label") if name in said]  # "label" where it has that head
        self.compiled: dict[tuple, ov.CompiledModel] = {}
        self.lock, self.own = threading.Lock(), threading.local()

    @property
    def depth(self) -> float:
        """Metres a step of the depth maps that the network is used to; 0 for one without depth."""
        return float(self.graph.get_rt_info([KEY, "depth"]).astype(str))

    @property
    def channels(self) -> int:
        """Channels of what the network sees."""
        return self.graph.input(0).partial_shape[3].get_length()

    def predict(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Answers for one frame: uint8 (H, W, channels) -> probabilities "mask" (H, W, classes), "label".

        In the memory each class of the mask lies in one piece.
        """
        requests = self.own.__dict__.setdefault("requests", {})  # one a thread, for each size of photos
        if image.shape not in requests:
            requests[image.shape] = self._compile(image.shape).create_infer_request()
        view = np.ascontiguousarray(image)[None]
        found = requests[image.shape].infer([view], share_inputs=True, share_outputs=True)
        own = {name: found[name][0].copy() for name in self.outputs}
        return own | {"mask": own["mask"].transpose(1, 2, 0)}

    def _compile(self, shape: tuple[int, int, int]) -> ov.CompiledModel:
        """Compiles for frames of one size, once: much faster than for any size."""
        with self.lock:
            if shape not in self.compiled:
                fixed = self.graph.clone()
                fixed.reshape([1, *shape])
                self.compiled[shape] = ov.Core().compile_model(fixed, "CPU", self.settings)
            return self.compiled[shape]


def has_bfloat16() -> bool:
    """Tells whether this machine's processor has operations on bfloat16."""
    return "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def open_exported(folder: Path, cores: int = 0) -> Predictor:
    """Opens the network of a finished run as what predicts fastest here.

    An exported one calculates in bfloat16 where the processor can.

    Args:
        folder: of the run; holds `final/model.keras`, and `export/` of `export`.
        cores: how many an exported one may use; 0 for all that this process may use.
    """
    path = folder / "export" / EXPORTED
    if path.exists() and not tf.config.list_physical_devices("GPU"):
        return Engine(path, cores=cores, exact=False)
    return prepare(unet.load_model(folder / "final" / "model.keras"))


def prepare(network: keras.Model) -> Predictor:
    """Gives what predicts fastest here: Keras where TensorFlow sees a GPU, else the engine."""
    seen = tf.config.list_physical_devices("GPU")
    return KerasPredictor(network) if seen else Engine(convert(network))
