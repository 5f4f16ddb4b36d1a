"""Writes the submitted model of a finished run as ONNX, for robots on which OpenVINO does not run.

    .venv/bin/python -m pip install -r requirements-onnx.txt
    .venv/bin/python -m examples.to_onnx runs/joint-world-0123abcd

The file, in the run's `onnx/`, has the input, outputs and metadata of those in its `export/`. Both answer an
image of random colours; the command prints by how much their probabilities differ.
"""

import argparse
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import openvino as ov
import tensorflow as tf

from src import runs
from src.common import files
from src.common.errors import SettingsError, UserError
from src.inference import engine
from src.model import unet

WRITTEN = "network.onnx"
PACKAGES = ("tf2onnx", "onnxruntime")  # of requirements-onnx.txt
OPSET = 17  # of 2022: old enough for runtimes of today
ABOUT = ("classes", "colors", "labels", "size")  # metadata that `Joint.export` writes


def convert(network: keras.Model, about: dict[str, str]) -> bytes:
    """Converts a network to ONNX; the outputs are probabilities, as those of `engine.convert`.

    Args:
        network: of `unet.build_joint`.
        about: metadata by name, as JSON.

    Raises:
        SettingsError: tf2onnx or onnxruntime is not installed.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise SettingsError(
            f"ONNX needs the packages {' and '.join(PACKAGES)}, found no {missing[0]}; "
            ".venv/bin/python -m pip install -r requirements-onnx.txt (.venv/Scripts/python on Windows)."
        )
    import tf2onnx

    logits = engine.trace(network)
    signature = logits.input_signature

    @tf.function(input_signature=signature)
    def predict(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {name: tf.nn.softmax(values, 1) for name, values in logits(image).items()}

    graph, _ = tf2onnx.convert.from_function(predict, input_signature=signature, opset=OPSET)
    for name, value in about.items():
        graph.metadata_props.add(key=name, value=value)
    return graph.SerializeToString()


def compare(path: Path, network: engine.Engine, size: tuple[int, int]) -> float:
    """Returns the largest difference between the probabilities of a file and of an exported network.

    Args:
        path: of the ONNX file.
        network: the exported network.
        size: (height, width) of the image of random colours that both answer.
    """
    import onnxruntime

    image = np.random.default_rng(0).integers(0, 256, (*size, network.channels), np.uint8)
    session = onnxruntime.InferenceSession(path)
    mask, label = session.run(["mask", "label"], {"image": image[None]})
    expected = network.predict(image)
    differences = [mask[0].transpose(1, 2, 0) - expected["mask"], label[0] - expected["label"]]
    return max(float(np.abs(difference).max()) for difference in differences)


def write_onnx(folder: Path) -> tuple[Path, float]:
    """Writes the submitted model of a finished joint run; returns the file and what `compare` finds.

    Raises:
        MissingError: the run is not finished.
        SettingsError: tf2onnx or onnxruntime is not installed.
    """
    runs.read_finished(folder)
    graph = ov.Core().read_model(folder / "export" / engine.EXPORTED)
    about = {name: graph.get_rt_info([engine.KEY, name]).astype(str) for name in ABOUT}
    content = convert(unet.load_submitted(folder), about)
    path = folder / "onnx" / WRITTEN
    files.write_atomically(path, lambda beside: beside.write_bytes(content))
    size = tuple(runs.read_run(folder).settings["SIZE"])
    return path, compare(path, engine.Engine(graph), size)


def main() -> None:
    """`python -m examples.to_onnx RUN`."""
    parser = argparse.ArgumentParser(prog="python -m examples.to_onnx", description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path, help="folder of a finished joint run, runs/joint-...")
    arguments = parser.parse_args()
    try:
        path, difference = write_onnx(arguments.run)
    except UserError as error:
        raise SystemExit(str(error)) from error
    print(f"For a robot, as ONNX: {path}. Probabilities differ by at most {difference:.1e} from OpenVINO's.")


if __name__ == "__main__":
    main()
