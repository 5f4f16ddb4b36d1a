"""Shows what an exported network predicts in a video, a camera or a folder of photos.

    python robot.py runs/joint-city-1a2b3c4d/export drive.mp4 predicted.mp4
    python robot.py runs/joint-city-1a2b3c4d/export 0 predicted.mp4 --frames 300    # the first camera
    python robot.py runs/joint-city-1a2b3c4d/export photos/ predicted/

It writes each frame with the classes' colours over it and the label in its corner. It needs openvino (for the
network.onnx of `examples/to_onnx.py`: onnxruntime), numpy and opencv, but nothing of this project: copy it to
the robot together with the exported files.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

KEY = "sidewalk"  # under which the exported files hold names, colours and size
PHOTOS = (".jpg", ".jpeg", ".png")
STRENGTH = 0.5  # of the colours over the photo, 0 to 1


class OpenVINO:
    """A network.xml, compiled for this processor."""

    def __init__(self, path: Path):
        import openvino

        self.graph = openvino.Core().read_model(path)
        self.channels = self.graph.input(0).partial_shape[3].get_length()
        self.compute = openvino.Core().compile_model(self.graph, "CPU", {"PERFORMANCE_HINT": "LATENCY"})

    def read(self, name: str) -> list:
        """Reads one of the metadata."""
        return json.loads(self.graph.get_rt_info([KEY, name]).astype(str))


class ONNXRuntime:
    """A network.onnx, for processors that OpenVINO does not know."""

    def __init__(self, path: Path):
        import onnxruntime

        self.session = onnxruntime.InferenceSession(path)
        self.channels = self.session.get_inputs()[0].shape[3]

    def read(self, name: str) -> list:
        """Reads one of the metadata."""
        return json.loads(self.session.get_modelmeta().custom_metadata_map[name])

    def compute(self, batch: np.ndarray) -> dict[str, np.ndarray]:
        """Computes the outputs of uint8 RGB images (B, H, W, channels)."""
        names = ["mask", "label"]
        return dict(zip(names, self.session.run(names, {"image": batch}), strict=True))


class Network:
    """An exported network.

    Args:
        folder: with network.xml and network.bin, or with network.onnx.
    """

    def __init__(self, folder: Path):
        onnx = folder / "network.onnx"
        self.engine = ONNXRuntime(onnx) if onnx.exists() else OpenVINO(folder / "network.xml")
        self.labels = self.engine.read("labels")
        self.size = tuple(self.engine.read("size"))  # (height, width)
        codes = [code.lstrip("#") for code in self.engine.read("colors")]
        self.colors = np.array([list(bytes.fromhex(code))[::-1] for code in codes], np.uint8)  # BGR

    def predict(self, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Predicts a BGR frame (H, W, 3): class indices (H, W), uint8, and the labels' probabilities."""
        height, width = frame.shape[:2]
        is_landscape = height <= width
        size = self.size if is_landscape == (self.size[0] <= self.size[1]) else self.size[::-1]
        shrinks = height >= size[0] and width >= size[1]
        interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR  # as in the training
        image = cv2.resize(frame[..., ::-1], size[::-1], interpolation=interpolation)
        if self.engine.channels == 4:  # 0 stands for a pixel without a measured depth
            image = np.dstack([image, np.zeros(size, np.uint8)])
        answer = self.engine.compute(np.ascontiguousarray(image)[None])
        mask = answer["mask"][0].argmax(0).astype(np.uint8)
        return cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST), answer["label"][0]

    def draw(self, frame: np.ndarray, mask: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """Draws the classes' colours over a frame, and the most likely label into its corner."""
        drawn = cv2.addWeighted(frame, 1 - STRENGTH, self.colors[mask], STRENGTH, 0)
        best = int(probabilities.argmax())
        text = f"{self.labels[best]} {100 * probabilities[best]:.0f} %"
        scale = frame.shape[0] / 480
        for color, width in (((0, 0, 0), 4), ((255, 255, 255), 1)):  # white letters with a black edge
            cv2.putText(drawn, text, (8, int(30 * scale)), 0, scale, color, width, cv2.LINE_AA)
        return drawn


def read_frames(source: str) -> Iterator[tuple[str, np.ndarray]]:
    """Yields name and BGR frame of each photo of a folder, or of each frame of a video or a camera.

    Raises:
        SystemExit: there is nothing to read.
    """
    if Path(source).is_dir():
        paths = sorted(path for path in Path(source).iterdir() if path.suffix.lower() in PHOTOS)
        if not paths:
            raise SystemExit(f"{source} must hold photos ({', '.join(PHOTOS)}), found none.")
        for path in paths:
            photo = cv2.imread(str(path))
            if photo is None:
                raise SystemExit(f"{path} must be a photo, found one that cannot be read; remove it.")
            yield path.name, photo
        return
    video = cv2.VideoCapture(int(source) if source.isdecimal() else source)
    if not video.isOpened():
        raise SystemExit(f"SOURCE must be a folder, a video or a camera's number, found '{source}'.")
    number = 0
    is_read, frame = video.read()
    while is_read:
        yield f"{number:06d}.jpg", frame
        number += 1
        is_read, frame = video.read()


def open_writer(out: Path, rate: float) -> Callable[[str, np.ndarray], None]:
    """Opens what writes frames: to a video if `out` has an ending such as .mp4, else to a folder.

    Args:
        out: video or folder.
        rate: frames a second of a video.

    Raises:
        SystemExit: OpenCV cannot write the video, or a frame has another size than the first.
    """
    if not out.suffix:
        out.mkdir(parents=True, exist_ok=True)
        return lambda name, frame: cv2.imwrite(str(out / name), frame)
    out.parent.mkdir(parents=True, exist_ok=True)
    codec = cv2.VideoWriter_fourcc(*("mp4v" if out.suffix == ".mp4" else "MJPG"))
    video = None
    size = None  # of the video, (width, height); the first frame tells it

    def write(name: str, frame: np.ndarray) -> None:
        nonlocal video, size
        if video is None:
            size = frame.shape[1::-1]
            video = cv2.VideoWriter(str(out), codec, rate, size)
            if not video.isOpened():
                raise SystemExit(
                    f"{out} must be a video that OpenCV writes, found another; name it .mp4 or .avi."
                )
        if frame.shape[1::-1] != size:  # OpenCV would leave it out without a word
            raise SystemExit(
                f"The frames of a video must have one size, found another in {name}; name a folder instead."
            )
        video.write(frame)

    return write


def main() -> None:
    """Reads, predicts, draws and writes frame by frame, and prints how many a second."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("export", type=Path, help="runs/<name>/export, or onnx")
    parser.add_argument("source", help="video, folder of photos, or number of a camera")
    parser.add_argument("out", type=Path, help="video (.mp4, .avi) or folder to write")
    parser.add_argument("--frames", type=int, help="how many frames at most")
    parser.add_argument("--rate", type=float, default=10, help="frames a second of the video (default: 10)")
    arguments = parser.parse_args()
    network = Network(arguments.export)
    write = open_writer(arguments.out, arguments.rate)
    predicting = 0.0
    count = 0
    begin = time.perf_counter()
    for name, frame in islice(read_frames(arguments.source), arguments.frames):
        asked = time.perf_counter()
        mask, probabilities = network.predict(frame)
        predicting += time.perf_counter() - asked
        write(name, network.draw(frame, mask, probabilities))
        count += 1
    if not count:
        raise SystemExit(f"SOURCE must hold a frame or more, found none in '{arguments.source}'.")
    whole = time.perf_counter() - begin
    print(f"{count} frames: {count / whole:.1f} a second, the network alone {count / predicting:.1f}.")


if __name__ == "__main__":
    main()
