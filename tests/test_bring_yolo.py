"""Data sets of Ultralytics whose description or polygons do not fit its files."""

import numpy as np
import pytest
from PIL import Image

from src.bring.bring import bring
from src.common.errors import DataError

SQUARE = "0 0 0 0.5 0 0.5 0.5 0 0.5\n"


def make_source(folder, description, line=SQUARE, labels="labels"):
    """Makes two photos of 8 x 12 px, one of train and one of val."""
    for part in ("train", "val"):
        for name in ("images", labels):
            (folder / name / part).mkdir(parents=True)
        Image.new("RGB", (12, 8)).save(folder / "images" / part / f"{part}.jpg")
        (folder / labels / part / f"{part}.txt").write_text(line)
    (folder / "data.yaml").write_text(f"names: [road]\n{description}")
    return folder


def list_names(brought):
    return sorted(row.cells["image_path"].rpartition("/")[2] for row in brought.written.train)


@pytest.mark.parametrize(
    "train, lines",
    [
        ("/kaggle/input/city/images/train", ""),
        ("train.txt", "data/images/train/train.jpg\n"),  # as CVAT writes it
        ("train.txt", "images\\train\\train.jpg\n"),
        ("train.txt", "C:\\city\\images\\train\\train.jpg\n"),
    ],
)
def test_photos_are_found_by_the_end_of_a_path(tmp_path, train, lines):
    source = make_source(tmp_path / "source", f"train: {train}\nval: images/val\n")
    (source / "train.txt").write_text(lines)
    brought = bring(source, tmp_path / "out")
    assert (list_names(brought), brought.left) == (["train.jpg", "val.jpg"], [])
    mask = np.asarray(Image.open(next((tmp_path / "out" / "Train" / "masks").rglob("train.png"))))
    assert (mask[:4, :6] == 1).all() and not mask[6:].any()


def test_what_a_description_names_in_vain_is_said(tmp_path):
    source = make_source(tmp_path / "source", "train: train.txt\nval: valid/images\n")
    (source / "train.txt").write_text("images/train/train.jpg\nimages/train/lost.jpg\n")
    brought = bring(source, tmp_path / "out")
    assert list_names(brought) == ["train.jpg"]
    assert brought.left == [
        "1 of 2 photos of train.txt are not there, as images/train/lost.jpg.",
        "valid/images, which data.yaml names as 'val', is not there.",
    ]


@pytest.mark.parametrize("line, found", [("0 2 2 9 2 9 6\n", "9"), ("0 nan 0 0.5 0 0.5 0.5\n", "nan")])
def test_pixels_in_place_of_shares_name_their_line(tmp_path, line, found):
    source = make_source(tmp_path / "source", "train: images/train\nval: images/val\n", SQUARE + line)
    with pytest.raises(
        DataError, match=rf"train.txt line 2 must be .* found {found}, which is no share of the"
    ):
        bring(source, tmp_path / "out")


def test_photos_whose_polygons_are_elsewhere_are_told_where_they_belong(tmp_path):
    source = make_source(tmp_path / "source", "train: images/train\nval: images/val\n", labels="polygons")
    with pytest.raises(
        DataError, match=r"without; no photo in a folder images has a mask, or a text file in"
    ):
        bring(source, tmp_path / "out")
