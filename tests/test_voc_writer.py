"""What is written for CVAT is read back by `bring`, pixel by pixel."""

import json
import zipfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from src.bring import voc_writer
from src.bring.bring import Labels, bring
from src.bring.source import Options
from src.bring.voc_writer import MaskedPhoto
from src.common.errors import DataError, MissingError

NAMES = ("road", "background", "car, parked")
MASK = np.array([[0, 0, 1], [2, 2, 1]], np.uint8)
BLACK, FIRST, SECOND = [0, 0, 0], [128, 0, 0], [0, 128, 0]  # Pascal VOC's colours of 0, 1 and 2


@pytest.fixture
def written(tmp_path):
    """A photo of 2 x 3 px with MASK."""
    photo = tmp_path / "somewhere" / "0001.JPG"
    photo.parent.mkdir()
    Image.fromarray(np.full((2, 3, 3), 90, np.uint8)).save(photo, "JPEG")
    (tmp_path / "out").mkdir()
    voc_writer.write(tmp_path / "out", NAMES, [MaskedPhoto("a 1", photo, MASK)])
    return tmp_path / "out"


def write_classes(folder, rows):
    folder.mkdir()
    pd.DataFrame(rows, columns=["task", "id", "name"]).to_csv(folder / "classes.csv", index=False)
    return folder


def test_masks_have_the_colours_of_pascal_voc_and_the_background_is_black(written):
    for folder in ("SegmentationClass", "SegmentationObject"):
        pixels = np.asarray(Image.open(written / folder / "a 1.png"))
        assert pixels.tolist() == [[FIRST, FIRST, BLACK], [SECOND, SECOND, BLACK]]
    text = (written / "labelmap.txt").read_text()
    assert text == "background:0,0,0::\nroad:128,0,0::\ncar, parked:0,128,0::\n"
    labels = json.loads((written / "labels.json").read_text())
    assert [(label["name"], label["color"]) for label in labels] == [
        ("road", "#800000"),
        ("car, parked", "#008000"),
    ]
    assert sorted(zipfile.ZipFile(written / "annotations.zip").namelist()) == [
        "ImageSets/Segmentation/default.txt",
        "SegmentationClass/a 1.png",
        "SegmentationObject/a 1.png",
        "labelmap.txt",
    ]


def read_mask(out):
    table = pd.read_csv(out / "Train" / "data.csv")
    assert table["image_path"].tolist() == ["photos/a 1.jpg"]
    return np.asarray(Image.open(out / "Train" / table["label_path"][0])).tolist()


def test_bring_numbers_the_classes_anew(written, tmp_path):
    bring(written, tmp_path / "brought")
    assert read_mask(tmp_path / "brought") == [[1, 1, 0], [2, 2, 0]]  # the background comes first


def test_bring_gives_the_ids_of_other_classes_by_their_names(written, tmp_path):
    rows = [("mask", 7, "car, parked"), ("mask", 0, "Background"), ("mask", 200, "road")]
    rows += [("mask", 9, "ignore"), ("label", 4, "quay")]
    train = write_classes(tmp_path / "Train", rows)
    bring(written, tmp_path / "brought", options=Options(tmp_path, classes=train))
    assert read_mask(tmp_path / "brought") == [[200, 200, 0], [7, 7, 0]]
    classes = pd.read_csv(tmp_path / "brought" / "Train" / "classes.csv")
    assert set(classes[["task", "id", "name"]].itertuples(index=False, name=None)) == set(rows)


def test_what_the_other_classes_lack_does_not_count_and_is_told(written, tmp_path):
    rows = [("mask", 0, "road"), ("mask", 9, "ignore"), ("label", 4, "quay"), ("label", 2, "pier")]
    train = write_classes(tmp_path / "Train", rows)
    options = Options(tmp_path, classes=train)
    table = written / "labels.csv"
    table.write_text("photo,label\na 1.jpg,quay\n")
    brought = bring(written, tmp_path / "brought", options=options, labels=Labels(str(table)))
    assert read_mask(tmp_path / "brought") == [[0, 0, 9], [9, 9, 9]]
    assert "pixels of classes that only the source has: background, car, parked." in brought.left
    assert pd.read_csv(tmp_path / "brought" / "Train" / "data.csv")["image_lvl_label"].tolist() == [4]
    table.write_text("photo,label\na 1.jpg,beach\n")
    brought = bring(written, tmp_path / "strange", options=options, labels=Labels(str(table)))
    assert "labels that --classes does not have: beach." in brought.left
    assert "image_lvl_label" not in pd.read_csv(tmp_path / "strange" / "Train" / "data.csv")


def test_classes_of_no_folder_are_refused(written, tmp_path):
    with pytest.raises(MissingError, match="--classes must be a folder with classes"):
        bring(written, tmp_path / "brought", options=Options(tmp_path, classes=tmp_path / "nowhere"))
    assert not (tmp_path / "brought").exists()


@pytest.mark.parametrize("name", ["a:b", "#00c800", "two\nlines"])
def test_a_name_that_labelmap_cannot_hold_is_refused(name):
    with pytest.raises(DataError, match=r"rename it in Train/classes\.csv"):
        voc_writer.color_classes(("road", name))


def test_a_colour_of_its_own_for_each_of_very_many_classes():
    colors = voc_writer.color_classes(tuple(f"class {number}" for number in range(254)))
    assert len({*colors, "#000000", "#e0e0c0"}) == 256  # neither the background's nor the borders'
