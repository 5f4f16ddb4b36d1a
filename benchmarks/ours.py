"""Our rows of the benchmark, and those that use the same packages; started by `python -m src benchmark`.

Each function prepares what its row needs and gives what measures it: seconds an image.
"""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import keras
import numpy as np
import openvino as ov
import pandas as pd
import tensorflow as tf
from keras_rows import measure_fit, measure_predict_many, measure_predict_one
from turns import BATCH, CLASSES, LABELS, serve, time_calls

from src.data import classes as class_lists
from src.data import image_files
from src.data.frames import Frames
from src.data.samples import read_samples
from src.inference import engine, predict
from src.model import unet as unet_module
from src.model.unet import build_joint, build_segmenter, find_unet, load_model
from src.settings import Recipe
from src.submission import cache
from src.submission.cache import encode_png
from src.submission.write import write_submission
from src.training import augment, batches
from src.training.compiled import compile_joint

CORES = os.cpu_count()
PHOTO = (720, 1280)  # of Save_test's frames


def make_frames(size: list[int], count: int = BATCH) -> Frames:
    """Makes frames of noise: the time of a step does not depend on what is seen."""
    rng = np.random.default_rng(0)
    images = list(rng.integers(0, 256, (count, *size, 3), np.uint8))
    masks = list(rng.integers(0, CLASSES, (count, *size), np.uint8))
    return Frames(images, masks, rng.integers(0, LABELS, count, np.int32), np.ones(count, bool))


def train_ours(size: list[int]) -> Callable[[], float]:
    """A training step of the joint network, by Keras' own `fit`."""
    frames = make_frames(size)
    target = {"mask": np.stack(frames.masks), "label": frames.labels}
    return measure_fit(_compile_ours(frames), np.stack(frames.images), target)


def step_part(size: list[int], part: str) -> Callable[[], float]:
    """A part of that step alone: the augmentation, or the graph up to that part."""
    frames = make_frames(size)
    if part == "augmentation":
        change = partial(augment.augment, recipe=Recipe())
        how = {"batch_size": BATCH, "crop": tuple(size), "seed": 0, "with_label": True}
        stream = iter(batches.make_batches(frames, change, **how))
        return lambda: time_calls(lambda: next(stream), 10, BATCH)
    network = _compile_ours(frames)
    image, target = np.stack(frames.images), {"mask": np.stack(frames.masks), "label": frames.labels}
    unet, deepest = find_unet(network)
    backbone = keras.Model(unet.input, deepest)
    scale = network.get_layer("scale_colors")

    @tf.function
    def run(image: tf.Tensor, target: dict[str, tf.Tensor]) -> object:
        if part == "backbone, forward":
            return backbone(scale(image), training=True)
        with tf.GradientTape() as tape:
            logits = network(image, training=True)
            loss = network.compute_loss(image, target, logits)
        if part == "network, forward":
            return logits
        return loss if part == "and loss" else tape.gradient(loss, network.trainable_variables)

    return lambda: time_calls(lambda: run(image, target), 4, BATCH)


def _compile_ours(frames: Frames) -> keras.Model:
    """Compiles the network that the notebooks train: with random weights it would learn its normalisation."""
    recipe = Recipe()
    names = class_lists.ClassList(tuple(range(CLASSES)), tuple(map(str, range(CLASSES))), (), None)
    network = build_joint(build_segmenter(CLASSES, recipe), LABELS)
    compile_joint(network, frames, class_lists.Classes(names, names), recipe)
    return network


def train_examples(size: list[int]) -> Callable[[], float]:
    """A training step of segmentation-models' own U-Net, as its examples use it."""
    network = _build_examples()
    network.compile(
        "Adam", loss=unet_module.sm.losses.cce_jaccard_loss, metrics=[unet_module.sm.metrics.iou_score]
    )
    frames = make_frames(size)
    target = np.eye(CLASSES, dtype="float32")[np.stack(frames.masks)]
    return measure_fit(network, _scale_examples(np.stack(frames.images)), target)


def _build_examples() -> keras.Model:
    return unet_module.sm.Unet("mobilenetv2", classes=CLASSES, activation="softmax", encoder_weights=None)


def _scale_examples(images: np.ndarray) -> np.ndarray:
    return unet_module.sm.get_preprocessing("mobilenetv2")(images.astype("float32"))


def answer_one(run: str, size: list[int], kind: str) -> Callable[[], float]:
    """One photo in, probabilities out: our engine, a bare one, Keras, or segmentation-models' U-Net."""
    image = _make_photos(size, 1)[0]
    if kind == "keras":
        return measure_predict_one(load_model(Path(run) / "final" / "model.keras"), image[None])
    if kind == "examples":
        return measure_predict_one(_build_examples(), _scale_examples(image[None]))
    path = Path(run) / "export" / engine.EXPORTED
    if kind.startswith("ours"):
        ours = engine.Engine(path, streams=1, exact=kind == "ours, exact")
        return lambda: time_calls(lambda: ours.predict(image), 20)
    if kind == "litert":
        infer = _open_litert(run, image)
        return lambda: time_calls(infer, 20)
    request = _open_bare(path, image.shape, 1, _choose_hint(kind)).create_infer_request()
    return lambda: time_calls(lambda: request.infer([image[None]]), 20)


def answer_many(run: str, size: list[int], kind: str) -> Callable[[], float]:
    """Many photos in, probabilities out, as many at a time as is best."""
    images = _make_photos(size, 16)
    if kind == "keras":
        return measure_predict_many(load_model(Path(run) / "final" / "model.keras"), images)
    if kind == "examples":
        return measure_predict_many(_build_examples(), _scale_examples(images))
    path = Path(run) / "export" / engine.EXPORTED
    if kind.startswith("ours"):
        ours, pool = engine.Engine(path, exact=kind == "ours, exact"), ThreadPoolExecutor(CORES)
        return lambda: time_calls(lambda: list(pool.map(ours.predict, images)), 2, len(images))
    queue = ov.AsyncInferQueue(_open_bare(path, images.shape[1:], CORES, _choose_hint(kind)), CORES)

    def run_queue() -> None:
        for image in images:
            queue.start_async([image[None]])
        queue.wait_all()

    return lambda: time_calls(run_queue, 2, len(images))


def _choose_hint(kind: str) -> str:
    """What OpenVINO shall calculate in: float32, or for the "fast" rows bfloat16 where the processor can."""
    return "bf16" if kind.endswith("fast") and engine.has_bfloat16() else "f32"


def _open_bare(path: Path, shape: tuple[int, ...], streams: int, hint: str = "f32") -> ov.CompiledModel:
    graph = ov.Core().read_model(path)
    graph.reshape([1, *shape])
    settings = {"NUM_STREAMS": streams, "INFERENCE_NUM_THREADS": CORES, "INFERENCE_PRECISION_HINT": hint}
    return ov.Core().compile_model(graph, "CPU", settings)


def _open_litert(run: str, image: np.ndarray) -> Callable[[], None]:
    network = load_model(Path(run) / "final" / "model.keras")
    fixed = keras.Input(batch_shape=(1, *image.shape), dtype="uint8")
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(fixed, network(fixed)))
    runner = tf.lite.Interpreter(model_content=converter.convert(), num_threads=CORES)
    runner.allocate_tensors()
    place = runner.get_input_details()[0]["index"]

    def infer() -> None:
        runner.set_tensor(place, image[None])
        runner.invoke()

    return infer


def save_ours(run: str, folder: str, warm: int | None = None, tta: bool = False) -> Callable[[], float]:
    """The whole of Save_test: network opened, photos in, zip out; the first time with `warm` frames.

    `tta` averages three views of each photo, as the notebook does by itself and the loop does not.
    """
    classes, every, size = _open_test(run, folder)
    parts = [every, every.iloc[:warm]]

    def measure() -> float:
        samples = parts.pop() if len(parts) > 1 else every
        begin = time.perf_counter()
        with tempfile.TemporaryDirectory() as out:
            predictions = predict.predict_samples(engine.open_exported(Path(run)), samples, size, tta)
            kept = cache.PredictionCache(Path(out) / "kept", classes)
            write_submission(Path(out) / "ours.zip", samples, predictions, classes, kept)
        return (time.perf_counter() - begin) / len(samples)

    return measure


def save_loop(run: str, folder: str) -> Callable[[], float]:
    """The same as notebooks of the competition do it: frame by frame, with OpenCV and `model.predict`."""
    classes, samples, size = _open_test(run, folder)
    network = load_model(Path(run) / "final" / "model.keras")

    def measure() -> float:
        begin = time.perf_counter()
        with tempfile.TemporaryDirectory() as out:
            table = pd.DataFrame()
            for row in samples.itertuples():
                photo = cv2.cvtColor(cv2.imread(row.image), cv2.COLOR_BGR2RGB)
                said = network.predict(cv2.resize(photo, size[::-1])[None], verbose=0)
                mask = classes.mask.decode(said["mask"][0].argmax(-1).astype(np.uint8))
                mask = cv2.resize(mask, photo.shape[1::-1], interpolation=cv2.INTER_NEAREST)
                name = f"{Path(row.image).stem}_pred.png"
                cv2.imwrite(f"{out}/{name}", np.repeat(mask[..., None], 3, -1))
                line = {
                    "image_path": row.image_path,
                    "pred_name": name,
                    "image_lvl_pred": said["label"].argmax(),
                }
                table = pd.concat([table, pd.DataFrame([line])])
            table.to_csv(f"{out}/data.csv", index=False)
            shutil.make_archive(f"{out}/../{Path(out).name}", "zip", out)
            Path(f"{out}.zip").unlink()
        return (time.perf_counter() - begin) / len(samples)

    return measure


def save_floor(run: str, folder: str) -> Callable[[], float]:
    """The parts that nothing does without, each measured alone and added up."""
    parts = [_list_parts(run, folder)[name] for name in ("reading", "network", "resizing", "PNG")]
    return lambda: sum(part() for part in parts)


def save_part(run: str, folder: str, part: str) -> Callable[[], float]:
    """A part of the whole of Save_test, alone."""
    return _list_parts(run, folder)[part]


def _list_parts(run: str, folder: str) -> dict[str, Callable[[], float]]:
    """The parts of Save_test: the bare network, the check, and the rest as if spread over all cores."""
    classes, samples, size = _open_test(run, folder)
    samples = samples.iloc[:40]
    images = [image_files.load_photo(path, size) for path in samples["image"]]
    network = engine.open_exported(Path(run))
    said = [predict.predict_image(network, image, tta=False) for image in images]
    masks = [mask for mask, _ in said]
    chosen = [predict.resize_argmax(mask, PHOTO)[0] for mask in masks]
    answers = [
        predict.Prediction(mask, int(label.argmax()), 1.0, 1.0)
        for mask, (_, label) in zip(chosen, said, strict=True)
    ]

    def spread(call: Callable) -> Callable[[], float]:
        def measure() -> float:
            cv2.setNumThreads(1)
            return time_calls(call, 1, len(samples)) / CORES

        return measure

    def keep() -> float:
        """Counts, packs, writes, zips, reads back and checks."""
        with tempfile.TemporaryDirectory() as out:
            begin = time.perf_counter()
            kept = cache.PredictionCache(Path(out) / "kept", classes)
            write_submission(Path(out) / "ours.zip", samples, answers, classes, kept)
            return (time.perf_counter() - begin) / len(samples)

    packed = [classes.mask.decode(mask) for mask in chosen]
    return {
        "reading": spread(lambda: [image_files.load_photo(path, size) for path in samples["image"]]),
        "network": answer_many(run, size, "bare, fast"),
        "resizing": spread(lambda: [predict.resize_argmax(mask, PHOTO) for mask in masks]),
        "PNG": spread(lambda: [encode_png(cv2.merge([ids] * 3)) for ids in packed]),
        "PNG, zip and check": keep,
    }


def _open_test(run: str, folder: str) -> tuple[class_lists.Classes, pd.DataFrame, tuple[int, int]]:
    classes = class_lists.read_classes(Path(folder) / "Train")
    size = tuple(json.loads((Path(run) / "settings.json").read_text(encoding="utf-8"))["SIZE"])
    return classes, read_samples(Path(folder) / "Test", classes), size


def _make_photos(size: list[int], count: int) -> np.ndarray:
    return np.stack(make_frames(size, count).images)


if __name__ == "__main__":
    serve(
        {
            name: value
            for name, value in globals().items()
            if name.startswith(("train", "step", "answer", "save"))
        }
    )
