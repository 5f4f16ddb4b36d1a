"""Json files of COCO as programs write them that do not keep to its types."""

import json

import numpy as np
import pytest
from PIL import Image

from src.bring.bring import bring
from src.bring.coco_areas import read_area
from src.common.errors import DataError

SQUARE = [[2, 1, 6, 1, 6, 4, 2, 4]]  # 4 px wide, 3 px high


def make_source(folder, change):
    """Makes two photos of 8 x 12 px with a square each; `change` changes what the json file holds."""
    folder.mkdir()
    content = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "road"}]}
    for number in (1, 2):
        Image.new("RGB", (12, 8)).save(folder / f"{number}.jpg")
        content["images"].append({"id": number, "file_name": f"{number}.jpg", "height": 8, "width": 12})
        annotation = {"id": number, "image_id": number, "category_id": 1, "segmentation": SQUARE}
        content["annotations"].append(annotation)
    change(content)
    (folder / "instances.json").write_text(json.dumps(content))
    return folder


def set_all(kind, **values):
    def change(content):
        for entry in content[kind]:
            entry.update(values)

    return change


def write_ids_as_text(content):
    for annotation in content["annotations"]:
        annotation |= {"image_id": str(annotation["image_id"]), "category_id": "1.0"}


@pytest.mark.parametrize(
    "change",
    [
        write_ids_as_text,
        set_all("images", height=8.0, width="12"),
        set_all("images", height=0, width=None),
        lambda content: [image.pop("height") for image in content["images"]],
        set_all("annotations", segmentation=[[2, 1], [6, 1], [6, 4], [2, 4]]),
        set_all("annotations", segmentation=[[[2, 1], [6, 1], [6, 4], [2, 4]]]),
        set_all("annotations", segmentation=[["2", "1", "6", "1", "6", "4", "2", "4"]]),
    ],
)
def test_ids_sizes_and_points_are_read_however_they_are_written(tmp_path, change):
    rows = bring(make_source(tmp_path / "source", change), tmp_path / "out").written.train
    assert len(rows) == 2
    for row in rows:
        mask = np.asarray(Image.open(tmp_path / "out" / "Train" / row.cells["label_path"]))
        assert mask.shape == (8, 12) and (mask[1:4, 2:6] == 1).all() and mask.sum() == 12


@pytest.mark.parametrize(
    "segmentation, words",
    [
        ([[2, 1, 6, 1, 6, 4, 2]], "a polygon of 7 numbers, which are no pairs"),
        ([[2, 1, 6, float("nan"), 6, 4, 2, 4]], "a point that is no number or far outside"),
        ([[2, 1, 6, 1e9, 6, 4, 2, 4]], "a point that is no number or far outside"),
        ([{"size": [8, 12], "counts": [96]}], "run lengths within a list"),
    ],
)
def test_an_area_that_is_none_names_its_annotation(tmp_path, segmentation, words):
    source = make_source(tmp_path / "source", set_all("annotations", segmentation=segmentation))
    with pytest.raises(
        DataError, match=rf"instances.json: the area of annotation 1 must be .*{words}.*; exp"
    ):
        bring(source, tmp_path / "out")


def test_areas_of_images_that_are_not_listed_are_counted(tmp_path):
    def change(content):
        content["annotations"].append(content["annotations"][0] | {"id": 3, "image_id": 77})

    brought = bring(make_source(tmp_path / "source", change), tmp_path / "out")
    assert brought.left == ["1 areas of instances.json are of images that it does not list."]


def test_a_class_without_a_name_names_the_json_file(tmp_path):
    source = make_source(tmp_path / "source", lambda content: content["categories"].append({"id": 2}))
    with pytest.raises(DataError, match=r"instances.json must have the fields of COCO, .* 'name'"):
        bring(source, tmp_path / "out")


def test_a_point_outside_of_the_photo_is_cut_off():
    inside = read_area([[-4, -4, 40, -4, 40, 4, -4, 4]], (8, 12))
    assert inside[:4].all() and not inside[4:].any()
