"""Files that no reader reads are named, not passed over."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from src.bring.bring import Labels, bring
from src.common.errors import DataError


def make_photos(folder, names):
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 6, 3), 40 * number, np.uint8)).save(path, "JPEG")
    return folder


def make_pairs(folder, names):
    """Makes photos of these names, each with a mask of ids."""
    make_photos(folder / "images", names)
    (folder / "masks").mkdir()
    for name in names:
        mask = np.repeat(np.uint8([[0, 1]]), 3, axis=1).repeat(4, axis=0)
        Image.fromarray(mask).save((folder / "masks" / name).with_suffix(".png"))
    return folder


@pytest.mark.parametrize(
    "name, remedy",
    [
        ("annotations.xml", "export from CVAT as 'Segmentation mask 1.1' or 'COCO 1.0'"),
        ("ds0/ann/a.jpg.json", "its format is none that is read, so export as COCO"),
        ("export.ndjson", "export as COCO or as masks"),
        ("yolo/data.yaml", "name its folder, if it is of Ultralytics"),
        ("masks/a.npy", "save masks as PNG"),
        ("masks/a.gif", "export them as JPEG or PNG"),
    ],
)
def test_photos_without_masks_are_said_to_lie_beside_what_is_not_read(tmp_path, name, remedy):
    source = make_photos(tmp_path / "source", ["images/a.jpg", "images/b.jpg"])
    (source / name).parent.mkdir(parents=True, exist_ok=True)
    (source / name).write_text("{}")
    (source / "LICENSE").write_text("none of the files to name, for it has no ending")
    with pytest.raises(DataError, match=rf"found 2 photos without; {name} is not read: {remedy}"):
        bring(source, tmp_path / "out")


def test_a_source_of_no_format_is_said_to_hold_what_is_not_read(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for name in ("task1.zip", "task2.zip", "._task2.zip"):
        (source / name).write_bytes(b"x")
    with pytest.raises(DataError, match=r"2 files are not read, the first is task1.zip: unpack them"):
        bring(source, tmp_path / "out")
    with pytest.raises(DataError, match=r"found another; .* notes.xml is not read: export from CVAT"):
        (tmp_path / "notes.xml").write_text("<annotations/>")
        bring(tmp_path / "notes.xml", tmp_path / "out")


def test_photos_of_a_format_that_is_not_read_are_counted(tmp_path):
    source = make_pairs(tmp_path / "source", ["a.jpg", "b.jpg"])
    for name in ("c.HEIC", "d.avif"):
        (source / "images" / name).write_bytes(b"x")
    left = bring(source, tmp_path / "out").left
    assert left[0] == "2 files are not read, the first is images/c.HEIC: export them as JPEG or PNG."


def test_other_endings_of_jpeg_are_photos(tmp_path):
    source = make_pairs(tmp_path / "source", ["a.jfif", "b.JPE"])
    assert len(bring(source, tmp_path / "out").written.train) == 2


def test_photos_with_labels_alone_get_no_table_of_classes_without_a_class(tmp_path):
    source = make_photos(tmp_path / "source", ["park/a.jpg", "road/b.jpg"])
    bring(source, tmp_path / "out", labels=Labels("folders"))
    classes = pd.read_csv(tmp_path / "out" / "Train" / "classes.csv")
    assert classes[["task", "name"]].to_numpy().tolist() == [["label", "park"], ["label", "road"]]
