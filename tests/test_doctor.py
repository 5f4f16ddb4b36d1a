import os
import re
import shutil
import sys
from io import BytesIO

import cv2
import numpy as np
import pandas as pd
import pytest
from conftest import HEIGHT, WIDTH, draw_frame, write_set
from PIL import Image

from src.common.errors import DataError
from src.data import classes as class_lists
from src.data import doctor, image_files
from src.data.doctor import examine
from src.data.samples import inspect_samples, read_samples, refuse
from src.data.tables import Problem


@pytest.fixture
def folders(tmp_path):
    """Train of six frames and Test of three."""
    write_set(tmp_path / "Train", range(6), with_answers=True)
    write_set(tmp_path / "Test", range(50, 53), with_answers=False)
    return tmp_path / "Train", tmp_path / "Test"


def edit(folder, **cells):
    """Sets cells of data.csv: column=(row as a spreadsheet counts, value)."""
    table = pd.read_csv(folder / "data.csv", dtype=str, keep_default_na=False)
    for column, (row, value) in cells.items():
        if column not in table:
            table[column] = ""
        table.loc[row - 2, column] = value
    table.to_csv(folder / "data.csv", index=False)


def overwrite(folder, name, content):
    (folder / name).write_bytes(content)


def cut(folder, name):
    content = (folder / name).read_bytes()
    overwrite(folder, name, content[: len(content) // 2])


def save(folder, name, pixels):
    cv2.imwrite(str(folder / name), pixels)


def rewrite(folder, change):
    path = folder / "data.csv"
    path.write_text(change(path.read_text()))


def move_out(folder):
    shutil.move(folder / "frame_003.jpg", folder.parent / "elsewhere.jpg")


def bomb(folder):
    with BytesIO() as file:
        Image.new("1", (20_000, 20_000)).save(file, "png")
        overwrite(folder, "frame_003.jpg", file.getvalue())


def grey16(shape=(HEIGHT, WIDTH)):
    return np.ones(shape, np.uint16)


MASK = np.zeros((HEIGHT, WIDTH), np.uint8)
ERRORS = {  # what is done to Train: what the message must hold
    "photo is missing": (
        lambda f: (f / "frame_003.jpg").unlink(),
        r"row 5, column image_path.*frame_003\.jpg",
    ),
    "mask is missing": (lambda f: (f / "frame_003_seg.png").unlink(), r"row 5, column label_path.*003_seg"),
    "photo's cell is empty": (lambda f: edit(f, image_path=(5, "")), r"row 5, column image_path"),
    "photo is cut short": (lambda f: cut(f, "frame_003.jpg"), r"row 5.*frame_003\.jpg.*cut short"),
    "photo is empty": (
        lambda f: overwrite(f, "frame_003.jpg", b""),
        r"row 5.*frame_003\.jpg.*empty file; copy, d",
    ),
    "photo is text": (lambda f: overwrite(f, "frame_003.jpg", b"hello"), r"row 5.*frame_003.*another format"),
    "photo is a bomb": (bomb, r"row 5.*frame_003\.jpg.*pixels"),
    "mask is cut short": (lambda f: cut(f, "frame_003_seg.png"), r"row 5.*frame_003_seg\.png.*whole PNG"),
    "mask is empty": (lambda f: overwrite(f, "frame_003_seg.png", b""), r"row 5.*003_seg\.png.*empty file"),
    "mask is a JPEG": (
        lambda f: shutil.copy(f / "frame_003.jpg", f / "frame_003_seg.png"),
        r"row 5.*frame_003_seg\.png.*another format",
    ),
    "mask is smaller": (lambda f: save(f, "frame_003_seg.png", MASK[:8]), r"row 5.*003_seg.*found 8 x 96"),
    "mask is turned": (
        lambda f: save(f, "frame_003_seg.png", MASK.T.copy()),
        r"row 5.*found 96 x 64; height and width are swapped, so turn the mask like its photo",
    ),
    "mask is in colours": (
        lambda f: save(f, "frame_003_seg.png", np.dstack([MASK, MASK, MASK + 1])),
        r"row 5.*003_seg\.png.*channels that differ",
    ),
    "mask has 16 bits": (lambda f: save(f, "frame_003_seg.png", grey16()), r"row 5.*003_seg\.png.*8-bit"),
    "mask has unknown ids": (lambda f: save(f, "frame_003_seg.png", MASK + 9), r"row 5.*003_seg\.png.*\[9\]"),
    "label is no class": (lambda f: edit(f, image_lvl_label=(5, "7")), r"row 5.*image_lvl_label.*'7'"),
    "label is between": (lambda f: edit(f, image_lvl_label=(5, "1.5")), r"row 5.*image_lvl_label.*'1\.5'"),
    "label is a word": (lambda f: edit(f, image_lvl_label=(5, "left")), r"row 5.*image_lvl_label.*'left'"),
    "label is endless": (lambda f: edit(f, image_lvl_label=(5, "1e999")), r"row 5.*image_lvl_label.*'1e999'"),
    "image twice": (lambda f: edit(f, image_path=(5, "frame_002.jpg")), r"rows 4, 5: one image.*frame_002"),
    "path climbs": (lambda f: edit(f, image_path=(5, "../Train/frame_003.jpg")), r"row 5.*may not leave"),
    "path is absolute": (
        lambda f: (move_out(f), edit(f, image_path=(5, str(f.parent / "elsewhere.jpg")))),
        r"row 5.*may not leave.*elsewhere\.jpg.*copy or link",
    ),
    "path is of Windows": (
        lambda f: edit(f, label_path=(5, "C:/a_seg.png")),
        r"row 5.*label_path.*may not leave",
    ),
    "link leads nowhere": (
        lambda f: (move_out(f), (f / "frame_003.jpg").symlink_to(f / "gone.jpg")),
        r"row 5, column image_path: 'frame_003\.jpg' is a link to a file that is not there; fetch it",
    ),
    "path holds a zero": (
        lambda f: rewrite(f, lambda s: s.replace("frame_003_seg.png", "/a\0b.png")),
        r"data\.csv must be a table in UTF-8, found zero bytes in line 5",
    ),
    "path is endless": (lambda f: edit(f, label_path=(5, "/" + "a" * 5000)), r"row 5, column label_path"),
    "name is endless": (lambda f: edit(f, label_path=(5, "a" * 5000)), r"row 5, column label_path"),
    "no table": (lambda f: (f / "data.csv").unlink(), r"Train must hold a data\.csv"),
    "table has another name": (
        lambda f: (f / "data.csv").rename(f / "Data.csv.txt"),
        r"Train must hold a data\.csv, found 'Data\.csv\.txt'; save it as CSV under this very name",
    ),
    "class table has another name": (
        lambda f: (f / "classes.csv").rename(f / "Classes.csv"),
        r"Train must list its classes in classes\.csv, found 'Classes\.csv'; save it as CSV under this very",
    ),
    "table is a link that leads nowhere": (
        lambda f: (f / "data.csv").rename(f / "a.txt") and (f / "data.csv").symlink_to(f / "gone.csv"),
        r"Train must hold a data\.csv, found a link to a file that is not there; fetch it \(dvc pull",
    ),
    "class table is a link that leads nowhere": (
        lambda f: (f / "classes.csv").rename(f / "a.txt") and (f / "classes.csv").symlink_to(f / "gone.csv"),
        r"classes\.csv, found a link to a file that is not there; fetch it \(dvc pull",
    ),
    "table of nothing": (lambda f: overwrite(f, "data.csv", b""), r"data\.csv.*column image_path"),
    "table without rows": (lambda f: rewrite(f, lambda s: s.split("\n")[0]), r"data\.csv.*found 0 rows"),
    "column is missing": (
        lambda f: rewrite(f, lambda s: s.replace("image_path", "image")),
        r"column image_path",
    ),
    "column twice": (
        lambda f: rewrite(f, lambda s: s.replace("robot_id", "image_path")),
        r"image_path twice",
    ),
    "row is too long": (lambda f: rewrite(f, lambda s: s.replace("003_seg.png", "003_seg.png,x")), r"row 5"),
    "quote stays open": (
        lambda f: rewrite(f, lambda s: s.replace("frame_003.jpg", '"frame_003.jpg')),
        r"data\.csv.*one row a line, found in row 5: unexpected end of data; correct its quotes",
    ),
    "table is a workbook": (lambda f: overwrite(f, "data.csv", b"PK\x03\x04abc"), r"data\.csv.*a workbook"),
    "a title is above the head": (
        lambda f: rewrite(f, lambda s: "My frames\n" + s),
        r"data\.csv must begin with its head, found 'My frames' above the head in row 2",
    ),
    "time is no time": (lambda f: edit(f, timestamp=(5, "noon")), r"row 5: timestamp.*'noon'"),
    "nothing to learn": (
        lambda f: rewrite(f, lambda s: "image_path\n" + "".join(f"frame_00{i}.jpg\n" for i in range(6))),
        r"data\.csv must name two masks or more in label_path, found no such column; add masks",
    ),
    "column of masks is misspelt": (
        lambda f: rewrite(f, lambda s: s.replace("label_path", "mask_path")),
        r"no such column, but mask_path",
    ),
    "class is missing": (
        lambda f: overwrite(f, "classes.csv", b"task,id,name\nmask,1,a\nmask,2,b\n"),
        r"6 rows are wrong in the same way, the first is row 2: .*frame_000_seg\.png holds the ids \[0\]",
    ),
    "column of masks is misspelt, and one is ours": (
        lambda f: rewrite(
            f,
            lambda s: re.sub("^", "row,", s.rstrip().replace("label_path", "mask_path"), flags=re.MULTILINE),
        ),
        r"no such column, but mask_path",
    ),
    "depth has 8 bits": (
        lambda f: (save(f, "d.png", MASK), edit(f, depth_path=(5, "d.png"))),
        r"row 5.*d\.png must be a 16-bit",
    ),
    "depth climbs": (
        lambda f: edit(f, depth_path=(5, "../d.png")),
        r"row 5, column depth_path.*may not leave",
    ),
    "class id is no number": (
        lambda f: overwrite(f, "classes.csv", b"task,id,name\nmask,one,a\n"),
        r"classes\.csv: an id must be .*'one'",
    ),
    "class id twice": (
        lambda f: overwrite(f, "classes.csv", b"task,id,name\nmask,1,a\nmask,1,b\n"),
        r"classes\.csv: the ids of task mask must differ",
    ),
    "class name twice": (
        lambda f: overwrite(f, "classes.csv", b"task,id,name\nmask,1,a\nmask,2,a\n"),
        r"classes\.csv: the names of task mask must differ",
    ),
    "class name is empty": (
        lambda f: overwrite(f, "classes.csv", b"task,id,name\nlabel,1,\n"),
        r"classes\.csv: the names of task label must differ and not be empty",
    ),
    "class of another task": (
        lambda f: overwrite(f, "classes.csv", b"task,id,name\nmasks,1,a\n"),
        r"classes\.csv: a task must be mask or label, found 'masks'",
    ),
    "class table lacks a column": (lambda f: overwrite(f, "classes.csv", b"task,id\nmask,1\n"), r"add name"),
    "class table is a workbook": (
        lambda f: overwrite(f, "classes.csv", b"PK\x03\x04abc"),
        r"classes\.csv must be a table in UTF-8, found a workbook",
    ),
    "Test holds a photo of Train": (
        lambda f: shutil.copy(f / "frame_003.jpg", f.parent / "Test" / "frame_051.jpg"),
        r"share a photo: frame_003\.jpg \(Train, row 5\) is frame_051\.jpg \(Test, row 3\)",
    ),
}
WARNINGS = {
    "class never occurs": (
        lambda f: rewrite_classes(f, "mask,3,blue,\n"),
        r"mask class 'blue' never occurs",
    ),
    "label in one recording": (
        lambda f: edit_labels(f, ["0", "0", "1", "1", "2", "2"]),
        r"each of 3 label classes \('empty', 'red box', 'green box'\) occurs in one recording only",
    ),
    "two classes have one color": (
        lambda f: rewrite_classes(f, "mask,7,dark red,#D55E00\n"),
        r"classes\.csv, 2 rows \(3, 8\): 2 classes of task mask have the color #d55e00, so figures show",
    ),
    "depth is missing": (lambda f: edit(f, depth_path=(5, "")), r"6 of 6 frames have no depth"),
    "depth names no file": (
        lambda f: edit(f, depth_path=(5, "d.png")),
        r"row 5, column depth_path.*'d\.png'",
    ),
    "depth in metres": (
        lambda f: (save(f, "d.png", grey16()), edit(f, depth_path=(5, "d.png"))),
        r"row 5: d\.png holds at most 1; depth in metres",
    ),
    "positions are lost": (
        lambda f: edit(f, lon=(5, "2.1"), lat=(5, "41.3")),
        r"5 of 6 frames have no position \(rows 2, 3",
    ),
    "positions are words": (
        lambda f: edit(f, lon=(5, "2.1"), lat=(5, "north")),
        r"position of 1 of 6 frames cannot be read, first in row 5, found '2\.1, north'",
    ),
    "a position is the same everywhere": (
        lambda f: rewrite(f, lambda s: s.replace("\n", ",2.1,41.3\n").replace("2.1,41.3", "lon,lat", 1)),
        r"one position is written in 3 recordings.* 2\.1, 41\.3 in 3 recordings \(rows 2, 3, 4, 5, 6, 7\)",
    ),
    "clock is not set": (
        lambda f: edit(f, timestamp=(5, "1970-01-01T00:00:12Z")),
        r"row 5: timestamp '1970-01-01T00:00:12Z' is before 1990",
    ),
    "times are a spreadsheet's days": (
        lambda f: edit(f, timestamp=(5, "46143.4166666667")),
        r"row 5: timestamp '46143\.4166666667' .* a spreadsheet's number of a day, show the column as date",
    ),
    "a robot is rounded": (
        lambda f: edit(f, robot_id=(5, "8.64E+14")),
        r"1 frames have the robot '8\.64E\+14' \(rows 5\), as a spreadsheet writes what it rounded",
    ),
    "a robot could not be computed": (
        lambda f: edit(f, robot_id=(5, "#REF!")),
        r"the robot '#REF!' \(rows 5",
    ),
    "labels are all one": (
        lambda f: edit_labels(f, ["1"] * 6),
        r"all 6 labels are 'red box', so no label is learned",
    ),
    "there are no labels": (
        lambda f: edit_labels(f, [""] * 6),
        r"there are no labels, so no label is learned: every frame will get the first class, 'empty'",
    ),
    "table is not UTF-8": (
        lambda f: overwrite(f, "data.csv", (f / "data.csv").read_bytes().replace(b"robot2", b"M\xe9")),
        r"data\.csv is not UTF-8.*Windows-1252",
    ),
    "zones are mixed": (
        lambda f: edit(f, timestamp=(5, "2026-05-02T10:00:01")),
        r"mixed with and without zone, first in row 5",
    ),
    "zones are mixed, of hours alone": (
        lambda f: rewrite(f, lambda s: s.replace("Z,", "+02,").replace("03+02", "03")),
        r"mixed with and without zone, first in row 5",
    ),
    "one recording": (
        lambda f: rewrite(f, lambda s: re.sub(r"robot\d,.*?Z", "robot0,2026-05-01T10:00:00Z", s)),
        r"all frames are of one recording",
    ),
    "nothing tells drives apart": (
        lambda f: rewrite(f, lambda s: s.replace("robot_id,timestamp", "who,when")),
        r"nothing tells drives apart.*name each drive in robot_id",
    ),
    "heads are of another program": (
        lambda f: rewrite(f, lambda s: s.replace("timestamp", "Date time").replace("robot_id", "Longitude")),
        r"the column Longitude is not read; rename it to lon if that is what it holds",
    ),
    "a head is misspelt": (
        lambda f: rewrite(f, lambda s: s.replace("image_lvl_label", "image_level_label")),
        r"the column image_level_label is not read; rename it to image_lvl_label",
    ),
    "a head is there twice, in another case": (
        lambda f: edit(f, Label_Path=(5, "frame_002_seg.png")),
        r"the column Label_Path is not read, because there is also label_path; drop one of them",
    ),
    "a head has a unit": (
        lambda f: edit(f, **{"lon (deg)": (5, "2.1"), "Lat [°]": (5, "41.3")}),
        r"the column Lat \[°\] is not read; rename it to lat",
    ),
    "two frames share a mask": (
        lambda f: edit(f, label_path=(5, "frame_002_seg.png")),
        r"2 frames share their mask with another \(rows 4, 5\), as 'frame_002_seg\.png'",
    ),
    "a time is missing": (
        lambda f: edit(f, timestamp=(5, "")),
        r"1 of 6 frames have no time \(rows 5\), so all frames of their robots count as one recording",
    ),
    "labels are all ignored": (
        lambda f: edit_labels(f, ["255", "ignore"] * 3),
        r"there are no labels, so no label is learned",
    ),
    "a column of ours": (
        lambda f: rewrite(f, lambda s: s.replace("image_lvl_label", "label")),
        r"the column label is not read.*labels in image_lvl_label",
    ),
    "Test is upright": (
        lambda f: [
            save(f.parent / "Test", f"frame_05{i}.jpg", np.full((WIDTH, HEIGHT, 3), 40 * i)) for i in range(3)
        ],
        r"100 % of Test's photos are in portrait format, 0 % of Train's",
    ),
    "mask is ignored": (
        lambda f: save(f, "frame_003_seg.png", MASK + 255),
        r"row 5: nearly every pixel of frame_003",
    ),
}


def rewrite_classes(folder, line):
    path = folder / "classes.csv"
    path.write_text(path.read_text(encoding="utf-8") + line, encoding="utf-8")


def edit_labels(folder, labels):
    table = pd.read_csv(folder / "data.csv", dtype=str)
    table.assign(image_lvl_label=labels).to_csv(folder / "data.csv", index=False)


def find(diagnosis, level):
    return [problem.text for problem in diagnosis.problems if problem.level == level]


@pytest.mark.parametrize("fault", ERRORS)
def test_fault_is_named_and_stops(folders, fault):
    train, test = folders
    change, words = ERRORS[fault]
    change(train)
    errors = find(examine(train, test), "error")
    assert any(re.search(words, text) for text in errors), errors
    with pytest.raises(DataError, match=words):
        refuse([Problem("error", text) for text in errors])


@pytest.mark.parametrize("fault", WARNINGS)
def test_oddity_is_named_and_goes_on(folders, fault):
    train, test = folders
    change, words = WARNINGS[fault]
    change(train)
    found = examine(train, test)
    assert find(found, "error") == []
    assert any(re.search(words, text) for text in find(found, "warning")), found.describe()


def test_a_place_that_is_no_folder_of_frames_is_told_from_one(folders):
    train, test = folders
    for place, words in (
        (train.parent, f"found one in Train and in Test; name {train} or {test}."),
        (train / "data.csv", f"found a file; name a folder, as {train}."),
        (train / "Trian", "found no such folder; correct the path."),
    ):
        assert find(examine(place), "error") == [f"{place} must hold a data.csv, {words}"]


def test_zones_of_hours_alone_and_utc_are_zones(folders):
    train, _ = folders
    edit(train, timestamp=(2, "2026-05-01 10:00:00+00"))
    edit(train, timestamp=(3, "2026-05-01 10:00:01 UTC"))
    assert not [text for text in find(examine(train), "warning") if "zone" in text]


def test_sound_data_have_no_problem_and_are_counted(folders):
    found = examine(*folders)
    assert found.problems == [] and "Nothing is wrong" in found.describe()
    assert found.frames.loc["Train"].to_dict() == {
        "frames": 6,
        "masks": 6,
        "labels": 6,
        "depth": 0,
        "recordings": 3,
        "height x width, px": "64 x 96 (6)",
    }
    assert found.frames.loc["Test", ["frames", "masks", "labels"]].tolist() == [3, 0, 0]
    ground = np.mean([(draw_frame(i)[1] == 0).mean() for i in range(6)])
    assert found.classes["share %"][0] == pytest.approx(100 * ground, abs=0.01)
    assert found.classes["frames"].tolist() == [6, 2, 2, 2, 2, 2] and found.classes["recordings"][0] == 3
    assert found.light.sum().round().tolist() == [100, 100]


def test_all_faults_are_told_at_once(folders):
    train, test = folders
    edit(train, image_lvl_label=(2, "x"), timestamp=(3, "noon"), label_path=(4, "gone.png"))
    cut(train, "frame_003.jpg")
    errors = find(examine(train, test), "error")
    assert [re.search(r"rows? (\d+)", text).group(1) for text in errors] == ["4", "2", "3", "5"]
    with pytest.raises(DataError) as caught:
        read_samples(train, doctor.class_lists.read_classes(train))
    assert (
        str(caught.value).count("\n") == 2
    )  # the photo's content is looked at by the doctor, and when it is read
    with pytest.raises(DataError, match="cut short"):
        image_files.load_photo(str(train / "frame_003.jpg"), (64, 96))


def test_many_errors_are_cut_in_a_message_and_whole_in_the_table():
    problems = [Problem("error", f"error {i}") for i in range(30)]
    with pytest.raises(DataError) as caught:
        refuse(problems)
    assert str(caught.value).splitlines()[-1] == "... and 10 more; python -m src doctor lists all."


def test_many_rows_of_one_kind_give_one_line(folders):
    for row in range(6):
        save(folders[0], f"depth_{row}.png", np.full((HEIGHT, WIDTH), 3 + row, np.uint16))
        save(folders[0], f"frame_{row:03d}_seg.png", np.full((HEIGHT, WIDTH), 255, np.uint8))
        edit(folders[0], depth_path=(row + 2, f"depth_{row}.png"))
    texts = [problem.text for problem in examine(*folders).problems]
    assert sum("in metres?" in text for text in texts) == 1
    assert any("6 rows" in text and "row 2: depth_0.png holds at most 3;" in text for text in texts)


def test_what_was_put_right_is_said(folders):
    train, _ = folders
    red = Image.fromarray(draw_frame(1)[0])
    for name, mode in (("frame_000.png", "RGBA"), ("frame_001.jpg", "CMYK"), ("frame_002.jpg", "L")):
        red.convert(mode).save(train / name)
    exif = Image.Exif()
    exif[0x0112] = 3
    red.save(train / "frame_003.jpg", exif=exif)
    (train / "sub").mkdir()
    shutil.move(train / "frame_004.jpg", train / "sub" / "Straße 4.JPG")
    ids = draw_frame(0)[1]
    save(train, "frame_000_seg.png", np.dstack([ids] * 3))
    palette = Image.fromarray(draw_frame(1)[1])
    palette.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    palette.save(train / "frame_001_seg.png")
    save(train, "d.png", grey16((8, 8)) * 2000)
    edit(train, image_path=(2, "frame_000.png"), depth_path=(2, "d.png"))
    edit(train, image_path=(6, "sub\\Straße 4.jpg"))
    (train / "frame_000.jpg").unlink()
    text = (train / "data.csv").read_text().replace(",", ";")
    (train / "data.csv").write_text(text, encoding="utf-8-sig")
    found = examine(train)
    notes = "\n".join(find(found, "note"))
    assert find(found, "error") == [] and len(find(found, "warning")) == 1  # five have no depth
    for words in (
        *(
            "byte order mark",
            "semicolons",
            "\\ is read as / in 1 of 6 paths",
            "spelled differently",
            "spaces, accents",
        ),
        *(
            "photos are RGBA, made RGB (1 of 6 frames)",
            "photos are CMYK",
            "photos are L",
            "photos are turned",
        ),
        "masks are RGB",
        *("masks are P", "depth maps have another size"),
    ):
        assert words in notes, (words, notes)
    seen = image_files.load_photo(str(train / "frame_001.jpg"), (HEIGHT, WIDTH)).astype(int)
    assert np.abs(seen - draw_frame(1)[0]).mean() < 12  # CMYK and JPEG cost a little, not the colours


@pytest.mark.parametrize(
    "written, there",
    [
        ("caf\u00e9/a.jpg", "cafe\u0301/a.jpg"),
        ("cafe\u0301/a.jpg", "caf\u00e9/a.jpg"),
        ("drive1/Night/A.JPG", "Drive1/night/a.jpg"),
        ("Train/a.jpg", "a.jpg"),
        ("CITY/train/a.jpg", "a.jpg"),
        ("{folder}/a.jpg", "a.jpg"),
        ("{folder}/DRIVE/a.jpg", "drive/a.jpg"),
        ("C:\\data\\Train\\d\\a.jpg", "d/a.jpg"),
        ("/home/ana/Train/Train/a.jpg", "a.jpg"),
        ("./a.jpg", "a.jpg"),
        ("Train/a.jpg", "Train/a.jpg"),
    ],
)
def test_a_path_that_leads_to_a_file_of_the_folder_is_found(tmp_path, written, there):
    folder = tmp_path / "city" / "Train"
    (folder / there).parent.mkdir(parents=True)
    Image.fromarray(draw_frame(1)[0]).save(folder / there)
    (folder / "data.csv").write_text(f"image_path\n{written.format(folder=folder)}\n", encoding="utf-8")
    samples, problems = inspect_samples(folder, class_lists.read_classes(folder))
    assert [problem.level for problem in problems if problem.level != "note"] == []
    assert samples["image"][0] == str(folder / there)


def test_two_files_that_fit_equally_are_no_file(folders):
    for name in ("a.jpg", "A.jpg"):
        shutil.copy(folders[0] / "frame_003.jpg", folders[0] / name)
    edit(folders[0], image_path=(5, "a.JPG"))
    assert "row 5, column image_path: there is no file 'a.JPG'" in find(examine(folders[0]), "error")[0]


@pytest.mark.parametrize("what", ["a file", "a folder", "the data's folder"])
def test_links_that_were_laid_are_followed(folders, what):
    train, elsewhere = folders[0], folders[0].parent / "elsewhere"
    if what == "a file":
        elsewhere.mkdir()
        shutil.move(train / "frame_003.jpg", elsewhere / "1a2b")
        (train / "frame_003.jpg").symlink_to(elsewhere / "1a2b")
    elif what == "a folder":
        elsewhere.mkdir()
        shutil.move(train / "frame_003.jpg", elsewhere / "b.jpg")
        (train / "d").symlink_to(elsewhere)
        edit(train, image_path=(5, "d/b.jpg"))
    else:
        shutil.move(train, elsewhere)
        train.symlink_to(elsewhere)
    found = examine(train)
    assert find(found, "error") == [] and find(found, "warning") == []
    notes = [note for note in find(found, "note") if "links to files elsewhere" in note]
    assert len(notes) == (what != "the data's folder")


def test_each_row_of_a_kind_is_named(folders):
    names = ["frame_000.jpg", "frame_002.jpg", "frame_005.jpg"]
    for name in names:
        cut(folders[0], name)
    found = examine(*folders)
    (error,) = [problem for problem in found.problems if problem.level == "error"]
    assert "3 rows are wrong in the same way, the first is row 2" in error.text
    assert error.text.endswith("(Rows 2, 4, 7.)")
    assert error.rows == "row 2: frame_000.jpg, row 4: frame_002.jpg, row 7: frame_005.jpg"
    assert error.rows in found.describe(every_row=True) and error.rows not in found.describe()


@pytest.mark.parametrize(
    "column, words",
    [
        ("image_path", "there is no file"),
        ("label_path", "there is no file"),
        ("image_lvl_label", "must be an id or a name"),
        ("timestamp", "must be ISO 8601"),
    ],
)
def test_cells_that_are_wrong_alike_are_one_line(folders, column, words):
    table = pd.read_csv(folders[0] / "data.csv", dtype=str)
    table = pd.concat([table] * 10, ignore_index=True)
    table[column] = [f"wrong {i}" for i in range(60)]
    table.to_csv(folders[0] / "data.csv", index=False)
    errors = [text for text in find(examine(folders[0]), "error") if words in text]
    assert len(errors) == 1
    assert "60 rows (2, 3, 4" in errors[0] and "20, 21 and 40 more)" in errors[0]


def test_images_that_have_two_rows_are_one_line(folders):
    table = pd.read_csv(folders[0] / "data.csv", dtype=str)
    pd.concat([table, table]).to_csv(folders[0] / "data.csv", index=False)
    (error,) = [text for text in find(examine(folders[0]), "error") if "two rows" in text]
    assert "rows 2, 8; 3, 9; 4, 10; 5, 11; 6, 12; 7, 13: one image may not have two rows" in error


def test_what_many_photos_or_classes_share_is_one_line(folders):
    train, test = folders
    for row in range(3):
        shutil.copy(train / f"frame_00{row}.jpg", test / f"frame_05{row}.jpg")
    rewrite_classes(train, "mask,3,blue,\nmask,4,grey,\n")
    found = examine(train, test)
    (error,) = find(found, "error")
    assert "share 3 photos, in Train rows 2, 3, 4, the first: frame_000.jpg (Train, row 2)" in error
    (warning,) = find(found, "warning")
    assert "each of 2 mask classes ('blue', 'grey') never occurs" in warning


@pytest.mark.parametrize("written", ["frame_003.jpg", "/gone/frame_003.jpg", "../Train/frame_003.jpg"])
def test_a_file_of_the_name_elsewhere_is_told(folders, written):
    (folders[0] / "photos").mkdir()
    shutil.move(folders[0] / "frame_003.jpg", folders[0] / "photos" / "frame_003.png")
    edit(folders[0], image_path=(5, written))
    (error,) = find(examine(folders[0]), "error")
    assert f"'{written}'; write photos/frame_003.png, if that is meant" in error


def test_a_photo_is_not_told_for_a_mask_of_its_name_nor_a_mask_for_a_photo(folders):
    (folders[0] / "inner").mkdir()
    shutil.move(folders[0] / "frame_003_seg.png", folders[0] / "inner" / "frame_003.png")
    shutil.move(folders[0] / "frame_004.jpg", folders[0] / "inner" / "frame_004.jpg")
    shutil.copy(folders[0] / "frame_004_seg.png", folders[0] / "frame_004.png")
    edit(folders[0], label_path=(5, "masks/frame_003.png"), image_path=(6, "photos/frame_004.jpg"))
    photo, mask = find(examine(folders[0]), "error")
    assert "no file 'photos/frame_004.jpg'; write inner/frame_004.jpg, if that is meant" in photo
    assert "no file 'masks/frame_003.png'; write inner/frame_003.png, if that is meant" in mask
    (folders[0] / "inner" / "frame_003.png").unlink()
    assert "'masks/frame_003.png'; add it or empty the cell" in find(examine(folders[0]), "error")[1]


def test_a_path_that_was_quoted_for_the_web_is_told(folders):
    shutil.move(folders[0] / "frame_003.jpg", folders[0] / "caf\u00e9 3.jpg")
    edit(folders[0], image_path=(5, "caf%C3%A9%203.jpg"))
    (error,) = find(examine(folders[0]), "error")
    assert "there is no file 'caf%C3%A9%203.jpg'; write caf\u00e9 3.jpg, if that is meant" in error


def test_a_cell_of_two_lines_makes_a_message_of_one(folders):
    edit(folders[0], image_lvl_label=(5, "left\nside"), timestamp=(6, "at\r\nnoon"))
    errors = find(examine(folders[0]), "error")
    assert "found 'left side'" in errors[0] and "found 'at noon'" in errors[1]


def test_masks_that_are_not_there_are_not_called_cells_that_are_empty(folders):
    rewrite(folders[0], lambda text: text.replace("_seg.png", ".png"))
    (error,) = find(examine(folders[0]), "error")
    assert "6 rows (2, 3, 4, 5, 6, 7), column label_path: there is no file 'frame_000.png'" in error
    rewrite(folders[0], lambda text: re.sub(r"frame_00[1-5]\.png", "", text))
    missing, few = find(examine(folders[0]), "error")
    assert "row 2, column label_path" in missing and "found 0 of 6 cells filled" in few


@pytest.mark.parametrize("there", ["two\nlines/a.jpg", "d/a.jpg ", "back\\slash/a.jpg"])
def test_a_file_that_no_table_can_name_is_to_be_renamed(folders, there):
    (folders[0] / there).parent.mkdir()
    shutil.move(folders[0] / "frame_003.jpg", folders[0] / there)
    edit(folders[0], image_path=(5, there))
    (error,) = find(examine(folders[0]), "error")
    assert "row 5, column image_path: there is no file" in error and "\n" not in error
    assert f"rename {there!r} on the disk, which a table cannot name, if that is meant" in error


@pytest.mark.skipif(sys.platform != "linux", reason="other systems write names in UTF-8 only")
def test_a_folder_whose_path_is_not_utf_8_is_refused_in_one_line(folders):
    strange = folders[0].parent / os.fsdecode(b"caf\xe9")
    shutil.move(folders[0], strange)
    (error,) = find(examine(strange), "error")
    assert error.startswith("A folder's path must be UTF-8, found '") and error.endswith("rename the folder.")
    assert "caf\\udce9" in error


def test_labels_that_count_from_one_are_guessed(folders):
    edit_labels(folders[0], ["1", "2", "3"] * 2)
    (error,) = find(examine(folders[0]), "error")
    assert "2 rows (4, 7): image_lvl_label" in error and "every label may be one too high" in error


def test_a_photo_that_its_exif_turns_is_named_as_the_reason(folders):
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("frame_000.jpg", "frame_003.jpg"):
        Image.fromarray(draw_frame(1)[0]).save(folders[0] / name, exif=exif)
    (error,) = find(examine(folders[0]), "error")
    assert "2 rows are wrong in the same way" in error and "turned by its EXIF" in error


def test_photos_of_one_name_in_several_folders_are_read(folders):
    for folder in folders:
        table = pd.read_csv(folder / "data.csv", dtype=str)
        for column in table.columns.intersection(["image_path", "label_path"]):
            for row, name in enumerate(table[column]):
                ending = "_seg.png" if column == "label_path" else ".jpg"
                (folder / f"d{row}").mkdir(exist_ok=True)
                shutil.move(folder / name, folder / f"d{row}" / f"0001{ending}")
                table.loc[row, column] = f"d{row}/0001{ending}"
        table.to_csv(folder / "data.csv", index=False)
    assert examine(*folders).problems == []


def change_masks(folder, change):
    for path in sorted(folder.glob("*_seg.png")):
        cv2.imwrite(str(path), change(cv2.imread(str(path), cv2.IMREAD_UNCHANGED)))


def blend(ids, high):
    """Gives masks of 0 and another id as a soft brush leaves them, with values between at the edges."""
    return cv2.blur(np.where(ids > 0, high, 0).astype(np.uint8), (5, 5))


CLASSES = "task,id,name\n%slabel,0,a\nlabel,1,b\nlabel,2,c\n"
MASKS = {  # what is done to all masks, the ids of the classes: what the one error must say
    "0 and 255, of which one is ignored": (
        lambda ids: np.uint8(255) * (ids > 0),
        (0, 1),
        r"found \[0, 255\], of which 255 is ignored, so one class is left, 'c0'; if 255 is a class, list it",
    ),
    "nothing but ignored": (lambda ids: ids * 0 + 255, (0, 1), r"255 is ignored, so no class is left"),
    "nothing but class 255": (lambda ids: ids * 0 + 255, (0, 255), r"found 'c255' alone in every pixel"),
    "one class": (lambda ids: ids * 0 + 1, (0, 1), r"two classes or more, found 'c1' alone in every pixel"),
    "one too high": (lambda ids: ids + 1, (0, 1, 2), r"ids \[3\] .* one too high: the ids are \[0, 1, 2\]"),
    "one too low": (lambda ids: ids, (1, 2, 3), r"ids \[0\] .* one too low: the ids are \[1, 2, 3\]"),
    "as bright as a viewer needs": (
        lambda ids: ids * np.uint8(50),
        (0, 1, 2),
        r"ids \[50, 100\] .* every id may be multiplied by 50, as for the eye: the ids are \[0, 1, 2\]",
    ),
    "spread from black to white, where 255 is ignored": (
        lambda ids: np.array([0, 85, 255], np.uint8)[ids],
        (0, 1, 2, 3),
        r"ids \[85\] .* every id may be multiplied by 85, as for the eye",
    ),
    "three spread from black to white": (
        lambda ids: np.array([0, 128, 255], np.uint8)[ids],
        (0, 1, 2),
        r"ids \[128\] .* every id may be multiplied by 127\.5, as for the eye",
    ),
    "0 and 1 of which 255 is the class": (
        lambda ids: np.uint8(ids > 0),
        (0, 255),
        r"ids \[1\] that no class has; add them to classes",
    ),
    "blended edges of 0 and 255": (
        lambda ids: blend(ids, 255),
        (0, 255),
        r"ids \[.{9,60} \(\d+ of them\) .* as of blended edges: export without smoothing",
    ),
    "blended edges of near ids": (lambda ids: blend(ids, 4), (0, 4), r"\[1, 2, 3\] .* as of blended edges"),
    "a class that is not listed": (
        lambda ids: ids,
        (0, 1),
        r"ids \[2\] that no class has; add them to classes",
    ),
}


@pytest.mark.parametrize("kind", MASKS)
def test_masks_of_which_nothing_can_be_learnt_give_one_error_that_guesses_why(folders, kind):
    change, ids, words = MASKS[kind]
    change_masks(folders[0], change)
    text = CLASSES % "".join(f"mask,{id},c{id}\n" for id in ids)
    (folders[0] / "classes.csv").write_text(text)
    (error,) = find(examine(*folders), "error")
    assert re.search(words, error), error
    assert len(error.replace(str(folders[0].parent), "")) < 450


def test_masks_in_colours_are_not_called_masks_of_one_class(folders):
    change_masks(folders[0], lambda ids: np.dstack([ids * 0, ids * 64, ids * 0]))
    found = examine(*folders)
    (error,) = find(found, "error")
    assert re.search(r"4 rows are wrong .*frame_001_seg\.png must hold one class id a pixel", error)
    assert find(found, "note") == [f"{folders[0]}: masks are RGB, read as one id a pixel (2 of 6 frames)."]


def test_two_classes_of_0_and_255_are_as_good_as_any(folders):
    change_masks(folders[0], lambda ids: np.uint8(255) * (ids > 0))
    (folders[0] / "classes.csv").write_text(CLASSES % "mask,0,ground\nmask,255,walk\n")
    assert find(examine(*folders), "error") == []


def test_a_mask_of_class_255_alone_is_not_called_ignored(folders):
    (folders[0] / "classes.csv").write_text(CLASSES % "mask,0,ground\nmask,255,walk\n")
    change_masks(folders[0], lambda ids: np.uint8(255) * (ids > 0))
    save(folders[0], "frame_003_seg.png", MASK * 0 + 255)
    found = examine(*folders)
    assert find(found, "error") == [] and not any("ignored" in text for text in find(found, "warning"))


def test_accents_written_in_two_ways_are_one_name(folders):
    train, _ = folders
    shutil.move(train / "frame_000.jpg", train / "caf\u0065\u0301.jpg")  # as macOS writes it
    edit(train, image_path=(2, "caf\u00e9.jpg"))
    found = examine(train)
    assert find(found, "error") == [] and any("accents" in note for note in find(found, "note"))


def test_command_prints_all_and_exits_two_on_errors(folders, command):
    train, test = folders
    code, said, _ = command("doctor", train, "--test", test)
    assert code == 0 and "64 x 96 (6)" in said and "Nothing is wrong" in said
    cut(train, "frame_003_seg.png")
    code, said, errors = command("doctor", train, "--test", test)
    assert code == 2 and re.search(r"error: .*row 5.*frame_003_seg\.png", said)
    assert "Traceback" not in errors
