"""Tables and pictures with bytes changed at random: they are read, or refused in our own words."""

import contextlib
import io
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import pytest
from conftest import draw_frame, write_set
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from src.common.errors import DataError
from src.data import classes as class_lists
from src.data import image_files, mask_files
from src.data.doctor import examine
from src.submission import scoring

FEW = settings(max_examples=125, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
CHANGES = st.lists(  # where, how many bytes go, what comes instead
    st.tuples(st.floats(0, 1), st.integers(0, 40), st.binary(max_size=12)), min_size=1, max_size=4
)
CELLS = st.text(max_size=30) | st.sampled_from(
    ['"', "\n", "../x.jpg", "/", "\0", "é", "nan", "1e400", ";" * 9, "-1", "0", "1970-01-01", "1609122023"]
)

HEADS = st.sampled_from(
    [
        *(
            "image_path",
            "Image path",
            " image_path ",
            '"image_path"',
            "IMAGE-PATH",
            "label_path",
            "lon",
            "LAT",
        ),
        *(
            "image_lvl_label",
            "timestamp",
            "gps_point",
            "robot_id",
            "kiwibot_id",
            "depth_path",
            "row",
            "label",
        ),
        *("", " ", "height", "time", "sep=;"),
    ]
)


def change_bytes(content, changes):
    """Replaces pieces of some bytes."""
    for place, gone, new in changes:
        start = int(place * len(content))
        content = content[:start] + new + content[start + gone :]
    return content


def pack(picture, kind, **how):
    with io.BytesIO() as file:
        Image.fromarray(picture).save(file, kind, **how)
        return file.getvalue()


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    write_set(folder, range(6), with_answers=True)
    return folder


@FEW
@given(changes=CHANGES)
def test_any_photo_is_read_or_refused(changes):
    photo, _, _ = draw_frame(1)
    exif = Image.Exif()
    exif[0x0112] = 6
    for content in (
        pack(photo, "jpeg", exif=exif),
        pack(photo, "jpeg", progressive=True),
        pack(photo, "png"),
    ):
        with TemporaryDirectory() as folder:
            path = Path(folder) / "a.jpg"
            path.write_bytes(change_bytes(content, changes))
            with contextlib.suppress(DataError):
                assert image_files.load_photo(str(path), (32, 64)).shape == (32, 64, 3)


@FEW
@given(changes=CHANGES)
def test_any_mask_is_read_or_refused(frames, changes):
    classes = class_lists.read_classes(frames)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.png"
        path.write_bytes(change_bytes(pack(draw_frame(1)[1], "png"), changes))
        with contextlib.suppress(DataError):
            mask = mask_files.load_mask(str(path), classes.mask)
            assert set(np.unique(mask)) <= {0, 1, 2, 255}
        found = [read_or_none(read, path) for read in (mask_files.read_ids, scoring.read_ids)]
        assert (found[0] is None) == (found[1] is None)
        assert found[0] is None or (found[0] == found[1]).all()


def read_or_none(read, path):
    """Reads ids by one of the two implementations; None where they are refused in its own words."""
    try:
        return read(str(path)) if read is mask_files.read_ids else read(str(path), "a.png")
    except (DataError, scoring.ScoringError):
        return None


@FEW
@given(changes=CHANGES)
def test_any_table_is_diagnosed(frames, changes):
    check_table(frames, change_bytes((frames / "data.csv").read_bytes(), changes))


@FEW
@given(rows=st.lists(st.lists(CELLS, min_size=1, max_size=6), max_size=5))
def test_any_cells_are_diagnosed(frames, rows):
    head = "image_path,label_path,image_lvl_label,timestamp,lon,lat\n"
    lines = "\n".join(",".join(cells) for cells in rows)
    check_table(frames, (head + "frame_000.jpg,,,,,\n" + lines).encode("utf-8", "surrogatepass"))


@FEW
@given(
    head=st.lists(HEADS | CELLS, min_size=1, max_size=8),
    rows=st.lists(st.lists(CELLS, min_size=1, max_size=8), max_size=4),
    separator=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    line_end=st.sampled_from(["\n", "\r", "\r\n"]),
)
def test_any_head_is_diagnosed(frames, head, rows, separator, encoding, line_end):
    photo = ["frame_000.jpg"] * len(head)
    text = line_end.join(separator.join(cells) for cells in (head, photo, *rows))
    check_table(frames, text.encode(encoding, "replace"))


def check_table(frames, content):
    """A table ends in a diagnosis, or in scores' own error, never in another."""
    with TemporaryDirectory() as folder:
        for path in frames.iterdir():
            (Path(folder) / path.name).write_bytes(path.read_bytes())
        (Path(folder) / "data.csv").write_bytes(content)
        found = examine(folder)
        assert found.describe()
        with contextlib.suppress(scoring.ScoringError):
            scoring.read_table(folder, ["image_path"], "the submission")


def test_a_decoder_of_opencv_is_not_trusted_with_what_is_cut_short(tmp_path):
    photo = cv2.cvtColor(draw_frame(1)[0], cv2.COLOR_RGB2BGR)
    for ending in (".jpg", ".png"):
        content = cv2.imencode(ending, photo)[1].tobytes()
        (tmp_path / "a").write_bytes(content[: len(content) * 2 // 3])
        with pytest.raises(DataError, match=r"cut short|whole"):
            image_files.load_photo(str(tmp_path / "a"), (64, 96))
