"""Json files of labelme as other programs write them, which save the same format."""

import json

import numpy as np
import pytest
from PIL import Image

from src.bring.bring import bring
from src.common.errors import DataError

CORNERS = [[2, 1], [6, 1], [6, 4], [2, 4]]


def make_source(folder, kind="polygon", **fields):
    """Makes a photo of 8 x 12 px with one shape of four corners."""
    folder.mkdir()
    Image.new("RGB", (12, 8)).save(folder / "a.jpg")
    shape = {"label": "road", "points": CORNERS, "shape_type": kind}
    content = {"imagePath": "a.jpg", "shapes": [shape], "flags": {}, "imageHeight": 8, "imageWidth": 12}
    (folder / "a.json").write_text(json.dumps(content | fields))
    return folder


def bring_mask(source, out):
    bring(source, out)
    return np.asarray(Image.open(out / "Train" / "masks" / "a.png"))


@pytest.mark.parametrize("kind", ["rectangle", "rotation", "quadrilateral"])
def test_shapes_of_four_corners_are_drawn_as_polygons(tmp_path, kind):
    mask = bring_mask(make_source(tmp_path / "source", kind), tmp_path / "out")
    assert (mask[1:5, 2:7] == 1).all() and mask.sum() == 20  # the edge belongs to it


@pytest.mark.parametrize("height, width", [(8.0, 12.0), ("8", "12"), (None, 12), (0, 0)])
def test_a_photos_size_is_read_however_it_is_written(tmp_path, height, width):
    source = make_source(tmp_path / "source", imageHeight=height, imageWidth=width)
    assert bring_mask(source, tmp_path / "out").shape == (8, 12)


@pytest.mark.parametrize("height, width", [(-1, -1), (8.5, 12), ("eight", 12), ([8], 12)])
def test_a_size_that_is_none_names_its_file(tmp_path, height, width):
    source = make_source(tmp_path / "source", imageHeight=height, imageWidth=width)
    with pytest.raises(DataError, match=r"a.json: imageHeight and imageWidth must be numbers .* write null"):
        bring(source, tmp_path / "out")


@pytest.mark.parametrize("fields", [{"shapes": {"label": "road"}}, {"shapes": ["road"]}, {"flags": ["park"]}])
def test_fields_of_another_kind_name_their_file(tmp_path, fields):
    source = make_source(tmp_path / "source", **fields)
    with pytest.raises(DataError, match=r"a.json must hold a list of shapes and a mapping of flags"):
        bring(source, tmp_path / "out")
