"""Zips that competitors report as refused, each with its own reason."""

import io
import re
import stat
import zipfile

import cv2
import numpy as np
import pandas as pd
import pytest
from conftest import draw_frame
from PIL import Image

from src.common.errors import SubmissionError
from src.data.samples import read_samples
from src.inference.predict import Prediction
from src.submission import archive, cache, check
from src.submission.names import name_predictions
from src.submission.write import write_submission

MASK = np.zeros((64, 96), np.uint8)


@pytest.fixture
def samples(train_folder, classes):
    return read_samples(train_folder, classes)


@pytest.fixture
def path(tmp_path, samples, classes):
    predictions = [Prediction(draw_frame(i)[1], i % 3) for i in range(6)]
    kept = cache.PredictionCache(tmp_path / "kept", classes)
    return write_submission(tmp_path / "try.zip", samples, iter(predictions), classes, kept)


def read(path):
    with zipfile.ZipFile(path) as members:
        return {name: members.read(name) for name in members.namelist()}


def write(path, members):
    with zipfile.ZipFile(path, "w") as target:
        for name, content in members.items():
            target.writestr(name, content)


def png(picture):
    return cv2.imencode(".png", picture)[1].tobytes()


def mask(picture):
    """Puts another picture in the place of the third frame's mask."""
    return lambda members: members | {"data/frame_002_pred.png": picture}


def table(old, new):
    """Replaces text in the table, once."""
    return lambda members: members | {"data.csv": members["data.csv"].decode().replace(old, new, 1).encode()}


def shift(step):
    """Moves the ids of all masks."""

    def change(members):
        for name in [name for name in members if name.endswith(".png")]:
            ids = cv2.imdecode(np.frombuffer(members[name], np.uint8), cv2.IMREAD_UNCHANGED)
            members[name] = png((ids.astype(int) + step).astype(np.uint8))
        return members

    return change


def scale(factor):
    """Multiplies the ids of all masks."""

    def change(members):
        for name in [name for name in members if name.endswith(".png")]:
            ids = cv2.imdecode(np.frombuffer(members[name], np.uint8), cv2.IMREAD_UNCHANGED)
            members[name] = png(ids * np.uint8(factor))
        return members

    return change


def saved(picture, kind="png"):
    with io.BytesIO() as file:
        picture.save(file, kind)
        return file.getvalue()


CHANGES = {  # what is done to the members of a right zip: what must be said
    "in a folder": (
        lambda m: {f"out/{n}": c for n, c in m.items()},
        r"data\.csv at its root, found out/data",
    ),
    "masks beside the table": (
        lambda m: {n.replace("data/", ""): c for n, c in m.items()},
        r"lacks data/frame_000_pred\.png.*\n.*needless frame_000_pred\.png",
    ),
    "from a Mac": (
        lambda m: m | {"__MACOSX/data/._a.png": b""},
        r"__MACOSX/data/\._a\.png, which the system",
    ),
    "with a folder's view": (lambda m: m | {"data/.DS_Store": b""}, r"data/\.DS_Store, which the system"),
    "with a file metadata": (lambda m: m | {"metadata": b"a: 1"}, r"a file called metadata"),
    "a mask is missing": (
        lambda m: {n: c for n, c in m.items() if "003" not in n},
        r"lacks data/frame_003_pred",
    ),
    "a mask too many": (
        lambda m: m | {"data/frame_009_pred.png": png(MASK)},
        r"needless data/frame_009_pred",
    ),
    "another name": (
        lambda m: {n.replace("_002_pred", "_002"): c for n, c in m.items()},
        r"lacks data/frame_002_pred\.png.*\n.*needless data/frame_002\.png",
    ),
    "too small": (mask(png(MASK[:32])), r"frame_002_pred\.png must be 64 x 96.*found 32 x 96"),
    "turned": (mask(png(MASK.T.copy())), r"frame_002_pred\.png must be 64 x 96.*swapped"),
    "in colours": (
        mask(png(np.dstack([MASK, MASK, MASK + 1]))),
        r"frame_002_pred\.png must hold one class id a pixel, found colour channels that differ",
    ),
    "with alpha": (
        mask(png(np.dstack([MASK] * 4))),
        r"frame_002_pred\.png must hold .* found transparent pixels; export it without alpha",
    ),
    "with 16 bits": (
        mask(png(MASK.astype(np.uint16))),
        r"frame_002_pred\.png must be an 8-bit PNG of class ids, found 16 bits",
    ),
    "a JPEG": (
        mask(saved(Image.fromarray(MASK), "jpeg")),
        r"frame_002_pred\.png must be a whole PNG.*found JPEG",
    ),
    "cut short": (lambda m: mask(m["data/frame_002_pred.png"][:-30])(m), r"frame_002_pred\.png.*cut short"),
    "empty": (mask(b""), r"frame_002_pred\.png must be a whole PNG image, found an empty file"),
    "a picture of a billion": (mask(saved(Image.new("1", (30_000, 30_000)))), r"frame_002_pred\.png"),
    "an unknown id": (mask(png(MASK + 7)), r"masks hold the ids \[7\], which no class has; the ids"),
    "every id one too high": (
        shift(1),
        r"masks hold the ids \[3\], which no class has; every id may be one too high",
    ),
    "every id multiplied": (
        scale(100),
        r"hold the ids \[100, 200\], which no class has; every id may be multiplied by 100, as for the eye",
    ),
    "every id one too low": (
        shift(-1),
        r"hold the ids \[255\], which no class has; every id may be one too low",
    ),
    "no table": (lambda m: {n: c for n, c in m.items() if n != "data.csv"}, r"root, found no data\.csv"),
    "other columns": (table("image_lvl_pred", "label"), r"must have the columns .*found \[.*'label'"),
    "a column of numbers": (table("image_path", ",image_path"), r"must have the columns"),
    "cells are missing": (table("frame_002_pred.png,2", "frame_002_pred.png"), r"three cells a row, row 4"),
    "cells are missing below an empty row": (
        table("frame_002.jpg,frame_002_pred.png,2", "\nframe_002.jpg,frame_002_pred.png"),
        r"three cells a row, row 5 has 2",
    ),
    "not UTF-8": (lambda m: m | {"data.csv": m["data.csv"] + b"\xe9"}, r"data\.csv must be a table in UTF-8"),
    "a quote stays open": (
        lambda m: m | {"data.csv": m["data.csv"] + b'"a'},
        r"data\.csv must be a table, found",
    ),
    "a frame is missing": (
        table("frame_002.jpg,frame_002_pred.png,2\n", ""),
        r"data\.csv lacks frame_002\.jpg",
    ),
    "all frames are missing": (
        lambda m: m | {"data.csv": m["data.csv"].replace(b"frame_00", b"frame_9")},
        r"frame_003\.jpg, frame_004\.jpg and 1 more",
    ),
    "a frame too many": (table("frame_002.jpg", "frame_2.jpg"), r"needless frame_2\.jpg"),
    "a frame twice": (
        lambda m: m | {"data.csv": m["data.csv"] + b"frame_002.jpg,frame_002_pred.png,2\n"},
        r"holds twice frame_002\.jpg",
    ),
    "another order": (
        lambda m: m | {"data.csv": b"\n".join([m["data.csv"].split()[i] for i in (0, 2, 1, 3, 4, 5, 6)])},
        r"in the order of Test/data\.csv",
    ),
    "a folder in the name": (
        table("frame_002_pred.png", "data/frame_002_pred.png"),
        r"pred_name must be .* found 'data/frame_002_pred\.png' in row 4",
    ),
    "a label that is no class": (
        table("_pred.png,2", "_pred.png,5"),
        r"image_lvl_pred .* found '5' in row 4 \(1",
    ),
    "a label that is no class below an empty row": (
        table("frame_002.jpg,frame_002_pred.png,2", "\nframe_002.jpg,frame_002_pred.png,5"),
        r"image_lvl_pred .* found '5' in row 5 \(1",
    ),
    "a label that is missing": (table("_pred.png,2", "_pred.png,"), r"image_lvl_pred .* found '' in row 4"),
    "climbing out": (lambda m: m | {"../../evil.png": b"x"}, r"'\.\./\.\./evil\.png' leaves the folder"),
    "from the root": (lambda m: m | {"/etc/evil": b"x"}, r"'/etc/evil' leaves the folder"),
    "growing beyond measure": (None, r"data/frame_002_pred\.png would grow \d+ times"),
    "a link": (None, r"data/frame_002_pred\.png is a link"),
    "encrypted": (None, r"is encrypted; zip without a password"),
    "a name twice": (None, r"holds data/frame_002_pred\.png twice"),
    "no zip": (None, r"must be a zip"),
    "half a zip": (None, r"must be a zip"),
    "over the limit": (None, r"at most 0\.001 MB"),
}


def harm(path, fault):
    """Does to the file what the members alone cannot show."""
    name = "data/frame_002_pred.png"
    if fault in ("growing beyond measure", "a link", "a name twice"):
        harm_members(path, fault, name)
    elif fault == "encrypted":
        content = bytearray(path.read_bytes())
        for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            for found in re.finditer(re.escape(mark), bytes(content)):
                content[found.start() + place] |= 1
        path.write_bytes(content)
    elif fault == "no zip":
        path.write_text("hello")
    elif fault == "half a zip":
        path.write_bytes(path.read_bytes()[:500])


def harm_members(path, fault, name):
    """Writes the zip anew with one member that no honest zip has."""
    members = read(path)
    if fault == "growing beyond measure":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
            for other, content in members.items():
                target.writestr(other, bytes(20_000_000) if other == name else content)
    elif fault == "a link":
        with zipfile.ZipFile(path, "w") as target:
            for other, content in members.items():
                info = zipfile.ZipInfo(other)
                info.external_attr = (stat.S_IFLNK | 0o777) << 16 if other == name else 0
                target.writestr(info, content)
    else:
        with zipfile.ZipFile(path, "a") as target, pytest.warns(UserWarning, match="Duplicate name"):
            target.writestr(name, members[name])


@pytest.mark.parametrize("fault", CHANGES)
def test_zip_is_refused_with_its_reason(path, samples, classes, fault):
    change, words = CHANGES[fault]
    if change:
        write(path, change(read(path)))
    else:
        harm(path, fault)
    limit = 0.001 if fault == "over the limit" else archive.LIMIT
    with pytest.raises(SubmissionError, match=words):
        check.check_submission(path, samples, classes, limit)


def test_a_right_zip_has_no_fault(path, samples, classes):
    assert check.find_faults(path, samples, classes) == []


def test_a_palette_shows_ids_and_not_colours(path, samples, classes):
    picture = Image.fromarray(draw_frame(2)[1])
    picture.putpalette([200, 0, 0, 0, 200, 0, 0, 0, 200])
    assert picture.mode == "P"
    write(path, mask(saved(picture))(read(path)))
    assert check.find_faults(path, samples, classes) == []
    with zipfile.ZipFile(path) as members:
        assert (archive.read_mask(members, "frame_002_pred.png") == draw_frame(2)[1]).all()


NAMED = {  # photos: the names of their masks, without what is behind
    "unlike": (["d1/a.jpg", "d2/b.jpg"], ["a", "b"]),
    "alike in two folders": (["d1/a.jpg", "d2/a.jpg", "b.jpg"], ["d1_a", "d2_a", "b"]),
    "alike but for case": (["d1/A.jpg", "d2/a.jpg"], ["d1_A", "d2_a"]),
    "alike but for the spelling of accents": (
        ["d1/\u00e9.jpg", "d2/e\u0301.jpg"],
        ["d1_\u00e9", "d2_e\u0301"],
    ),
    "alike but for the ending": (["a.jpg", "a.png"], ["a_jpg", "a_png"]),
    "alike, by whole paths": (["/data/d1/a.jpg", "/data/d2/a.jpg"], ["data_d1_a", "data_d2_a"]),
    "alike, by whole paths of Windows": (["C:/d1/a.jpg", "D:/d1/a.jpg"], ["C_d1_a", "D_d1_a"]),
    "alike but for the ending, by whole paths": (["/d/a.jpg", "/d/a.png"], ["d_a_jpg", "d_a_png"]),
    "folders that run into names": (["d_1/a.jpg", "d/1_a.jpg", "x/a.jpg"], ["d_1_a", "1_a", "x_a"]),
    "alike with their folders": (["d_1/a.jpg", "d/1/a.jpg"], ["1_d_1_a_jpg", "2_d_1_a_jpg"]),
    "the name that another one gets": (
        ["d1/a.jpg", "d2/a.jpg", "d1_a.png"],
        ["d1_a_jpg", "d2_a", "d1_a"],
    ),
}


@pytest.mark.parametrize("kind", NAMED)
def test_masks_are_named_after_photos_and_told_apart(kind):
    photos, names = NAMED[kind]
    table = pd.DataFrame({"image_path": photos})
    assert name_predictions(table) == [f"{name}_pred.png" for name in names]


@pytest.mark.parametrize("pattern", ["{}/" + 120 * "\u00e9" + "/a.jpg", "{}" + 250 * "a" + ".jpg"])
def test_long_photos_do_not_make_names_that_no_disk_takes(pattern):
    photos = [pattern.format(letter) for letter in "xy"]  # an accent takes two bytes
    names = name_predictions(pd.DataFrame({"image_path": photos}))
    assert len(set(names)) == 2 and max(len(name.encode()) for name in names) <= 255


def test_all_faults_are_told_at_once(path, samples, classes):
    members = mask(png(MASK[:9]))(read(path)) | {"metadata": b"", "data/.DS_Store": b""}
    write(path, table("_pred.png,2", "_pred.png,9")(members))
    assert len(check.find_faults(path, samples, classes)) == 4


@pytest.mark.parametrize("kind", ["size", "format", "names"])
def test_what_all_masks_share_is_one_line(path, samples, classes, kind):
    members = read(path)
    if kind == "names":
        changed = {name.replace("data/", "data\\"): content for name, content in members.items()}
    else:
        other = png(MASK[:9]) if kind == "size" else saved(Image.fromarray(MASK), "jpeg")
        changed = {name: other if name.endswith(".png") else content for name, content in members.items()}
    write(path, changed)
    (fault,) = check.find_faults(path, samples, classes)
    assert "frame_000_pred.png" in fault and "(6 files: " in fault and "frame_005_pred.png.)" in fault


def test_command_says_what_is_wrong_and_exits_two(path, train_folder, command):
    words = ("check", path, "--data", train_folder)
    code, said, _ = command(*words)
    assert code == 0 and "every frame is there" in said
    write(path, table("_pred.png,2", "_pred.png,9")(read(path)))
    code, _, errors = command(*words)
    assert code == 2 and "image_lvl_pred" in errors and "Traceback" not in errors


@pytest.mark.parametrize("name", ["gone", "classes.csv"])
def test_classes_that_are_not_there_are_not_taken_for_the_competitions(path, train_folder, command, name):
    words = ("check", path, "--data", train_folder, "--classes")
    assert command(*words, train_folder)[0] == 0
    code, _, errors = command(*words, train_folder / name)
    assert code == 2 and "--classes must be a folder with classes.csv, as Train, found nothing at" in errors


def test_a_zip_that_is_not_there_is_called_so(tmp_path):
    with pytest.raises(SubmissionError, match=r"nope\.zip is not there; name a zip"):
        archive.list_members(tmp_path / "nope.zip")


def test_a_folder_is_to_be_zipped(tmp_path, samples, classes):
    with pytest.raises(SubmissionError, match=r"must be a zip, found a folder; zip the files in it"):
        check.check_submission(tmp_path, samples, classes)


@pytest.mark.parametrize("limit", ["nan", "0", "-300", "300MB", ""])
def test_a_limit_that_no_zip_can_keep_or_break_is_refused(command, path, limit):
    code, _, errors = command("check", path, f"--limit={limit}")
    assert code == 2 and f"must be a number above 0, found '{limit}'" in errors
