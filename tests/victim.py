"""What test_kill.py kills: a short training, prediction and zip, each going on where it was broken off."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from src.data import classes as class_lists
from src.data.frames import load_frames
from src.data.samples import read_samples
from src.inference import engine, predict
from src.model import unet
from src.settings import TrainingSettings
from src.submission import cache
from src.submission.write import write_submission
from src.training import checkpoints
from src.training.compiled import make_joint, make_segmenter
from src.training.fit import fit
from src.training.lengths import Length

FRAMES, EPOCHS = 12, 6


def train(folder: Path, out: Path) -> unet.keras.Model:
    """Trains a joint network for EPOCHS epochs, and says so after each."""
    names = class_lists.read_classes(folder)
    frames = load_frames(read_samples(folder, names), names, (64, 96))
    settings = TrainingSettings((64, 96), (32, 64), batch_size=2)
    segmenter = make_segmenter(frames, names, settings, seed=0)
    network = make_joint(segmenter, frames, names, settings, seed=0)
    checkpoints.SAVE_SECONDS = 0
    length = Length(EPOCHS * len(frames) // 2)
    fit(network, out, frames, settings, length, show=say_epoch)
    return network


def say_epoch(history: pd.DataFrame, network: unet.keras.Model, ended: bool) -> None:
    """Says how many epochs lie behind the training."""
    if not ended:
        say("epoch", len(history))


def submit(folder: Path, out: Path, network: unet.keras.Model) -> None:
    """Predicts FRAMES frames and writes the zip, and says each frame."""
    names = class_lists.read_classes(folder)
    test = read_samples(folder, names)
    test = pd.concat([test] * (FRAMES // len(test)), ignore_index=True)
    test["image_path"] = [f"{row:02d}.jpg" for row in range(FRAMES)]
    kept = cache.PredictionCache(out / "kept", names)
    known = len(kept.read())
    say("known", known)
    predictions = predict.predict_samples(engine.KerasPredictor(network), test, (64, 96), skip=known)
    write_submission(out / "try.zip", test, tell(predictions, known), names, kept)


def tell(predictions, known):
    """Says the number of each frame that was predicted."""
    for number, prediction in enumerate(predictions, start=known):
        say("frame", number)
        yield prediction


def say(*words):
    """Writes a line of the log at once."""
    print(*words, flush=True)


if __name__ == "__main__":
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    say("begin")
    network = train(folder, out / "joint")
    say("trained")
    submit(folder, out, network)
    np.savez(out / "_weights.npz", *network.get_weights())
    (out / "_weights.npz").replace(out / "weights.npz")
    say("done")
