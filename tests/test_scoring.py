"""The competition's scoring program, alone as the server starts it, and the competition that it packs."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from conftest import draw_frame

from src.data import classes as class_lists
from src.data import tables
from src.data.reference import add_truth
from src.data.samples import read_samples
from src.submission import scoring
from src.submission.bundle import write_bundle

HARM = {  # what is done to an unpacked submission: what the competitor is told
    "no table": (lambda f: (f / "data.csv").unlink(), "data.csv must lie at the root of the submission"),
    "table is binary": (lambda f: (f / "data.csv").write_bytes(b"\xff\xfe\x00"), "must be a table in UTF-8"),
    "quote stays open": (
        lambda f: (f / "data.csv").write_text('image_path,pred_name\n"a'),
        "must be a table",
    ),
    "no columns": (lambda f: (f / "data.csv").write_text("a,b\n1,2\n"), "missing: ['image_path'"),
    "no rows": (
        lambda f: (f / "data.csv").write_text("image_path,pred_name,image_lvl_pred\n"),
        "must have rows",
    ),
    "short rows": (lambda f: edit(f, ",frame_002_pred.png,1", ""), "pred_name of frame_002.jpg must name"),
    "frame is missing": (lambda f: edit(f, "frame_002.jpg", "frame_9.jpg"), "missing: frame_002.jpg."),
    "all frames are missing": (
        lambda f: [edit(f, f"frame_00{number}.jpg", f"frame_9{number}.jpg") for number in range(6)],
        "frame_003.jpg, frame_004.jpg and 1 more",
    ),
    "frame twice": (lambda f: edit(f, "frame_002.jpg", "frame_001.jpg"), "twice: frame_001.jpg"),
    "label is empty": (
        lambda f: edit(f, "_002_pred.png,1", "_002_pred.png,"),
        "frame_002.jpg must be a label",
    ),
    "mask is missing": (
        lambda f: (f / "data/frame_002_pred.png").unlink(),
        "data/frame_002_pred.png must be an 8-bit PNG of class ids, it is missing; add it",
    ),
    "mask is empty": (
        lambda f: (f / "data/frame_002_pred.png").write_bytes(b""),
        "frame_002_pred.png must be",
    ),
    "mask is cut short": (lambda f: cut(f / "data/frame_002_pred.png"), "it cannot be read; write it again"),
    "mask is smaller": (
        lambda f: save(f, np.zeros((9, 9), np.uint8)),
        "must be 64 x 96 as the reference's mask, found 9 x 9; resize it",
    ),
    "mask is in colours": (lambda f: save(f, np.arange(64 * 96 * 3).reshape(64, 96, 3) % 7), "write ids"),
    "mask has alpha": (lambda f: save(f, np.zeros((64, 96, 4), np.uint8)), "1 or 3 equal channels"),
    "mask has 16 bits": (
        lambda f: save(f, np.zeros((64, 96), np.uint16)),
        "found 16 bits; write it as 8-bit grey",
    ),
    "mask is a JPEG": (
        lambda f: shutil.copy(f.parent / "ref" / "frame_002.jpg", f / "data/frame_002_pred.png"),
        "must be a PNG, found JPEG; write it as PNG",
    ),
    "name climbs": (
        lambda f: edit(f, "frame_002_pred.png", "../../ref/frame_002_seg.png"),
        "it is missing; add it",
    ),
}


def edit(folder, old, new):
    path = folder / "data.csv"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))


def cut(path):
    path.write_bytes(path.read_bytes()[:-40])


def save(folder, picture):
    cv2.imwrite(str(folder / "data" / "frame_002_pred.png"), picture)


@pytest.fixture
def server(train_folder, tmp_path):
    """The folder that the platform gives a program: ref, and res with right masks and labels of 1."""
    folder = tmp_path / "input"
    shutil.copytree(train_folder, folder / "ref")
    (folder / "res" / "data").mkdir(parents=True)
    rows = ["image_path,pred_name,image_lvl_pred"]
    for i in range(6):
        cv2.imwrite(str(folder / "res" / "data" / f"frame_00{i}_pred.png"), draw_frame(i)[1])
        rows.append(f"frame_00{i}.jpg,frame_00{i}_pred.png,1")
    (folder / "res" / "data.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def bundle(train_folder, tmp_path):
    """The competition of six frames, unpacked."""
    out = tmp_path / "competition.zip"
    write_bundle(out, train_folder, "Six: frames")
    with zipfile.ZipFile(out) as archive:
        archive.extractall(tmp_path / "bundle")
    return tmp_path / "bundle"


def start(bundle, server, out):
    """Starts the program as the platform does: unpacked to a folder of its own, folders as arguments."""
    program = server.parent / "program"
    shutil.copytree(bundle / "scoring_program", program)
    command = yaml.safe_load((program / "metadata.yaml").read_text())["command"].split()
    places = {"python3": sys.executable, "/app/program/scoring.py": "scoring.py"}
    places |= {"/app/input": str(server), "/app/output": str(out)}
    words = [places[word] for word in command]
    return subprocess.run(words, cwd=program, capture_output=True, text=True, check=False)


def test_a_reference_without_a_table_is_not_told_to_be_zipped(tmp_path):
    with pytest.raises(scoring.ScoringError) as error:
        write_bundle(tmp_path / "competition.zip", tmp_path / "none", "title")
    found = "data.csv must lie at the root of the reference, it was not found"
    assert str(error.value) == f"{found}; name the folder that holds it."


def test_a_folder_in_place_of_the_zip_to_write_is_refused(command, train_folder, tmp_path):
    code, _, errors = command("bundle", tmp_path, "--reference", train_folder)
    assert code == 2 and f"{tmp_path} must be a zip to write, found a folder; name a file, as" in errors


def test_a_zip_in_place_of_its_files_is_to_be_unpacked(train_folder, tmp_path):
    shutil.copytree(train_folder, tmp_path / "ref")
    (tmp_path / "res").mkdir()
    (tmp_path / "res" / "mine.ZIP").write_bytes(b"PK")
    with pytest.raises(
        scoring.ScoringError, match=r"the submission, a zip was found in its place; unpack it"
    ):
        scoring.score_folders(str(tmp_path), str(tmp_path / "out"))


def test_a_mask_without_a_date_is_packed(train_folder, tmp_path):
    os.utime(train_folder / "frame_000_seg.png", (0, 0))  # 1970, as in images of containers
    write_bundle(tmp_path / "competition.zip", train_folder, "Six: frames")
    with zipfile.ZipFile(tmp_path / "competition.zip") as archive:
        assert archive.getinfo("reference_data/frame_000_seg.png").date_time[:3] == (1980, 1, 1)


def test_program_of_the_bundle_scores_as_the_platform_starts_it(bundle, server, tmp_path):
    done = start(bundle, server, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    scores = yaml.safe_load((tmp_path / "out" / "scores.txt").read_text())
    assert scores == pytest.approx(json.loads((tmp_path / "out" / "scores.json").read_text()), abs=1e-6)
    assert scores["miou"] == 1 and scores["accuracy"] == pytest.approx(1 / 3, abs=1e-6)
    competition = yaml.safe_load((bundle / "competition.yaml").read_text())
    columns = competition["leaderboards"][0]["columns"]
    assert [column["key"] for column in columns] == list(scores)[:1] + ["f1", "accuracy"] + [
        key for key in scores if key.startswith("iou_")
    ]
    assert competition["version"] == 2 and competition["title"] == "Six: frames"
    task = competition["tasks"][0]
    named = [competition["image"], competition["terms"], task["reference_data"], task["scoring_program"]]
    assert all((bundle / name).exists() for name in named + [page["file"] for page in competition["pages"]])
    held = sorted(path.name for path in (bundle / "reference_data").iterdir())
    assert held == sorted(["data.csv", "classes.csv"] + [f"frame_00{i}_seg.png" for i in range(6)])


@pytest.mark.parametrize("fault", HARM)
def test_broken_submission_gets_a_message_and_no_traceback(bundle, server, tmp_path, fault):
    change, words = HARM[fault]
    change(server / "res")
    done = start(bundle, server, tmp_path / "out")
    assert done.returncode == 2 and words in done.stderr, done.stderr
    assert "Traceback" not in done.stderr and str(tmp_path) not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_class_that_nobody_holds_is_left_out(train_folder, server, tmp_path):
    for folder in (train_folder, server / "ref"):
        path = folder / "classes.csv"
        path.write_text(path.read_text() + "mask,3,a: b #1,\n")
    scores, _ = scoring.score(str(server / "ref"), str(server / "res"))
    assert set(scores) == {"miou", "f1", "accuracy", "iou_ground", "iou_red", "iou_green"}
    assert scoring.name_scores([3], {3: "a: b #1"}) == {3: "iou_a_b_1"}


LONG = "pedestrian crossing with a traffic island"
NAMES = {  # names of classes by id: the keys of their scores
    "plain": ({0: "road", 5: "tactile paving"}, {0: "iou_road", 5: "iou_tactile_paving"}),
    "too long": ({3: LONG}, {3: "iou_pedestrian_crossing_with_a_tra_3"}),
    "alike once they are cut": (
        {1: LONG + " A", 12: LONG + " B"},
        {1: "iou_pedestrian_crossing_with_a_tra_1", 12: "iou_pedestrian_crossing_with_a_tr_12"},
    ),
    "alike but for signs": (
        {1: "sign +", 2: "sign -", 3: "+"},
        {1: "iou_sign_1", 2: "iou_sign_2", 3: "iou_3"},
    ),
    "alike but for case": ({1: "Road", 2: "road"}, {1: "iou_Road_1", 2: "iou_road_2"}),
    "what another one becomes": (
        {1: "sign +", 2: "sign -", 3: "sign 1"},
        {1: "iou_sign_1", 2: "iou_sign_2", 3: "iou_sign_1_3"},
    ),
    "no letters that ASCII has": ({1: "\u6b69\u9053", 2: "\U0001f6b8"}, {1: "iou_\u6b69\u9053", 2: "iou_2"}),
    "no name": ({0: "road"}, {0: "iou_road", 7: "iou_7"}),
}


@pytest.mark.parametrize("kind", NAMES)
def test_every_class_has_a_key_of_its_own_that_codabench_takes(kind):
    names, keys = NAMES[kind]
    found = scoring.name_scores([7] if kind == "no name" else list(names), names)
    assert found == keys
    titles = {key.replace("_", " ").strip() for key in found.values()}
    assert len(titles) == len(set(found.values())) == len(found) and max(map(len, titles)) <= 36


def test_leaderboard_and_scores_have_the_same_keys_whatever_the_names(train_folder, server, tmp_path):
    text = f"task,id,name\nmask,0,{LONG}\nmask,1,sign: +\nmask,2,sign: - \U0001f6b8\n"
    for folder in (train_folder, server / "ref"):
        (folder / "classes.csv").write_text(text, encoding="utf-8")
    write_bundle(tmp_path / "b.zip", train_folder, "Caf\u00e9 \U0001f6b8 'a': \"b\"\x7f")
    competition = yaml.safe_load(zipfile.ZipFile(tmp_path / "b.zip").read("competition.yaml"))
    keys = [column["key"] for column in competition["leaderboards"][0]["columns"]]
    scores, _ = scoring.score(str(server / "ref"), str(server / "res"))
    assert sorted(keys) == sorted(scores) and len(set(keys)) == 6
    assert competition["title"] == "Caf\u00e9 \U0001f6b8 'a': \"b\""


def test_two_frames_with_one_mask_are_refused(server):
    edit(server / "res", "frame_002_pred.png", "data/frame_001_pred.png")
    with pytest.raises(
        scoring.ScoringError, match=r"pred_name must differ .* twice: data/frame_001_pred\.png"
    ):
        scoring.score(str(server / "ref"), str(server / "res"))


def test_a_row_that_was_copied_is_told_by_its_frame(server):
    path = server / "res" / "data.csv"
    path.write_text(path.read_text() + path.read_text().splitlines()[1] + "\n")
    with pytest.raises(scoring.ScoringError, match=r"one row for each test frame; twice: frame_000\.jpg"):
        scoring.score(str(server / "ref"), str(server / "res"))


def test_a_reference_without_truth_is_no_score_of_nothing(server):
    path = server / "ref" / "data.csv"
    text = path.read_text()
    path.write_text(text.replace(",", " ,", text.split("\n")[0].count(",")))  # heads with spaces are known
    assert "miou" in scoring.score(str(server / "ref"), str(server / "res"))[0]
    path.write_text("\n".join(line.split(",")[0] for line in text.splitlines()))
    with pytest.raises(scoring.ScoringError, match="none is there"):
        scoring.score(str(server / "ref"), str(server / "res"))


def set_labels(folder, column, labels):
    """Writes one label a row of a table of six rows."""
    head, *rows = (folder / "data.csv").read_text().splitlines()
    place = head.split(",").index(column)
    cells = [row.split(",") for row in rows]
    for row, label in zip(cells, labels, strict=True):
        row[place] = label
    (folder / "data.csv").write_text("\n".join([head, *map(",".join, cells)]) + "\n", encoding="utf-8")


LABELS = {  # how the labels 0, 1, 2, 0, 1 and an unknown one may be written
    "ids": ["0", "1", "2", "0", "1", ""],
    "ids with decimals": ["0.0", "1.0", "2.0", "0", "1", "-1.0"],
    "ids with blanks": [" 0", "1 ", " 2 ", "0", "1", " -1 "],
    "names": ["empty", "red box", "green box", "Empty", "Red_Box ", "nan"],
    "names and ids": ["empty", "1", " GREEN  BOX", "0", "red box", "None"],
    "what is ignored": ["0", "1", "2", "0", "1", "Ignore"],
    "the id of what is ignored": ["0", "1", "2", "0", "1", "255"],
    "a question mark": ["0", "1", "2", "0", "1", "?"],
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_the_truth_are_read_as_the_project_reads_them(train_folder, server, kind):
    text = "task,id,name\nmask,0,a\nmask,1,b\nmask,2,c\nlabel,0,empty\nlabel,1,red box\nlabel,2,green box\n"
    (server / "ref" / "classes.csv").write_text(text)
    set_labels(server / "ref", "image_lvl_label", LABELS[kind])
    scores, pairs = scoring.score(str(server / "ref"), str(server / "res"))
    assert pairs["label"] == [("0", "1"), ("1", "1"), ("2", "1"), ("0", "1"), ("1", "1")]
    assert scores["accuracy"] == pytest.approx(2 / 5)
    assert scores["f1"] == pytest.approx((0 + 4 / 7 + 0) / 3)  # two hits, two true and five told
    samples = read_samples(train_folder, class_lists.read_classes(server / "ref"))
    truth = add_truth(samples, server / "ref", class_lists.read_classes(server / "ref"))
    assert truth["label"].tolist() == [0, 1, 2, 0, 1, class_lists.NO_LABEL]


def test_answers_may_be_names_of_classes(server):
    (server / "ref" / "classes.csv").write_text("task,id,name\nlabel,0,empty\nlabel,1,red box\nlabel,2,c\n")
    set_labels(server / "res", "image_lvl_pred", ["Empty", "red_box", "c", "0", "1.0", "2"])
    assert scoring.score(str(server / "ref"), str(server / "res"))[0]["accuracy"] == 1


@pytest.mark.parametrize(
    "listed, label",
    [(True, "blue box"), (False, "red box"), (True, "1.5"), (True, "-2"), (True, "1e999"), (True, "0;1")],
)
def test_a_label_of_the_truth_that_is_no_class_is_refused_by_name(train_folder, server, listed, label):
    for folder in (train_folder, server / "ref"):
        rows = "label,0,empty\nlabel,1,red box\nlabel,2,green box\n" if listed else ""
        (folder / "classes.csv").write_text(f"task,id,name\nmask,0,a\nmask,1,b\nmask,2,c\n{rows}")
        set_labels(folder, "image_lvl_label", ["0", label, "2", "0", "1", label])
    words = re.escape(f"found in 2 rows: '{label}' (frame_001.jpg), '{label}' (frame_005.jpg); write ids")
    with pytest.raises(scoring.ScoringError, match=words):
        scoring.score(str(server / "ref"), str(server / "res"))
    with pytest.raises(scoring.ScoringError, match=words):
        write_bundle(train_folder / "b.zip", train_folder, "title")


@pytest.mark.parametrize("label", ["blue box", "-1", "nan", "1.5"])
def test_an_answer_that_is_no_label_is_refused_by_name(server, label):
    set_labels(server / "res", "image_lvl_pred", ["0", "1", "2", label, "1", "2"])
    with pytest.raises(scoring.ScoringError, match=f"frame_003.jpg must be a label.*found '{label}'"):
        scoring.score(str(server / "ref"), str(server / "res"))


def test_where_no_label_is_known_none_is_scored(train_folder, server, tmp_path):
    for folder in (train_folder, server / "ref"):
        set_labels(folder, "image_lvl_label", ["-1", "nan", "?", "", "None", "unknown"])
    assert "f1" not in scoring.score(str(server / "ref"), str(server / "res"))[0]
    write_bundle(tmp_path / "b.zip", train_folder, "title")
    assert "key: f1" not in zipfile.ZipFile(tmp_path / "b.zip").read("competition.yaml").decode()


SAVED = {  # how programs save tables: a text with commas to bytes
    "semicolons": lambda text: text.replace(",", ";").encode(),
    "tabs": lambda text: text.replace(",", "\t").encode(),
    "a line that names the separator": lambda text: ("sep=;\r\n" + text.replace(",", ";")).encode(),
    "a byte order mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16 without a mark": lambda text: text.encode("utf-16-le"),
    "blank rows": lambda text: ("\n,,,\n" + text.replace("\n", "\n\n", 2) + ",,,\n , ,\n").encode(),
    "blanks around cells": lambda text: text.replace(",", " , ").encode(),
    "marks that are not seen": lambda text: ("\u200e" + text.replace(",", "\u200e,\u202a")).encode(),
    "a repeated head": lambda text: (text + text.split("\n")[0] + "\n").encode(),
    "a very long cell": lambda text: text.replace("\n", ",note\n", 1).rstrip().encode()
    + b',"'
    + b"1, " * 50_000
    + b'"\n',
    "quotes with blanks behind": lambda text: re.sub(
        "(?m)^(.+)$", lambda line: '"' + line[1].replace(",", '" , "') + '"', text
    ).encode(),
    "heads in capitals": lambda text: (
        text.split("\n")[0].upper().replace("_", " ") + text[text.index("\n") :]
    ).encode(),
}


@pytest.mark.parametrize("kind", SAVED)
def test_tables_are_read_however_they_were_saved(train_folder, server, tmp_path, kind):
    right = scoring.score(str(server / "ref"), str(server / "res"))[0]
    for folder in (train_folder, server / "ref"):
        for name in ("data.csv", "classes.csv"):
            (folder / name).write_bytes(SAVED[kind]((folder / name).read_text()))
    assert scoring.score(str(server / "ref"), str(server / "res"))[0] == right
    write_bundle(tmp_path / "b.zip", train_folder, "title")
    keys = yaml.safe_load(zipfile.ZipFile(tmp_path / "b.zip").read("competition.yaml"))["leaderboards"]
    assert {column["key"] for column in keys[0]["columns"]} == set(right)


WRONG = {  # what a table of the truth may hold: what is said of it
    "a column twice": ("image_path,label_path,label_path\na.jpg,a.png,b.png\n", "twice: label_path"),
    "a line above the head": (
        "of May,,\nimage_path,label_path,image_lvl_label\n",
        r"missing: \['image_path'\]",
    ),
    "text in Windows' encoding": ("image_path,note\na.jpg,caf\udce9\n", "UTF-8, .* save it as"),
    "a longer row": ("image_path,image_lvl_label\na.jpg,1,2\n", "more in the row of a.jpg"),
    "a frame twice": ("image_path,image_lvl_label\na.jpg,1\na.jpg,2\n", "twice: a.jpg"),
    "a frame without a name": ("image_path,image_lvl_label\n,1\n", "must name an image a row"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_table_that_would_be_scored_wrongly_is_refused(server, kind):
    text, words = WRONG[kind]
    (server / "ref" / "data.csv").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(scoring.ScoringError, match=f"data.csv of the reference.*{words}"):
        scoring.score(str(server / "ref"), str(server / "res"))


@pytest.mark.parametrize(
    "rows, words",
    [
        ("mask,1,a\nmask,1.0,b\n", "each once"),
        ("Masks,0,a\nMasks,9,ignore\n", "found 'Masks'"),  # 9 would count
        ("mask,0,a\n,1,b\n", "found ''"),
        ("mask,0,a\nmask,8,ignore\nmask,9,Ignore\n", "one class of a task named ignore"),
    ],
)
def test_classes_that_would_be_scored_wrongly_are_refused(server, rows, words):
    (server / "ref" / "classes.csv").write_text(f"task,id,name\n{rows}")
    with pytest.raises(scoring.ScoringError, match=rf"classes\.csv of the reference.*{words}"):
        scoring.score(str(server / "ref"), str(server / "res"))


def test_frames_are_found_in_either_spelling_of_accents(server):
    right = scoring.score(str(server / "ref"), str(server / "res"))[0]
    for folder, accent in (("ref", "\u00e9"), ("res", "e\u0301")):
        path = server / folder / "data.csv"
        path.write_text(path.read_text().replace("frame_003.jpg", f"{accent}.jpg"), encoding="utf-8")
    assert scoring.score(str(server / "ref"), str(server / "res"))[0] == right


@pytest.mark.parametrize("path", ["../frame_002_seg.png", "/data/frame_002_seg.png", "C:\\frame_002_seg.png"])
def test_a_mask_that_lies_elsewhere_makes_no_bundle(train_folder, tmp_path, path):
    edit(train_folder, "frame_002_seg.png", path)
    message = r"must be a path within the reference's folder.*frame_002_seg"
    with pytest.raises(scoring.ScoringError, match=message):
        write_bundle(tmp_path / "b.zip", train_folder, "title")


def test_what_means_unknown_is_the_same_to_the_project():
    assert scoring.BLANKS == tables.BLANKS


def test_pixels_are_counted_by_truth_and_only_its_classes_are_scored():
    truth = np.array([[3, 3, 3, 3], [7, 7, 255, 255]], np.uint8)
    predicted = np.array([[3, 3, 7, 9], [7, 3, 9, 3]], np.uint8)  # 9 is nowhere in the truth
    pairs = scoring.count_pairs(truth, predicted)
    assert pairs[3, 7] == 1 and pairs[7, 3] == 1 and pairs[3, 9] == 1 and pairs[9].sum() == 0
    assert scoring.score_confusion(pairs, 255) == {3: 2 / 5, 7: 1 / 3}


def test_program_stands_alone_and_is_of_python_37():
    source = Path("src/submission/scoring.py").read_text()
    tree = ast.parse(source, feature_version=(3, 7))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported - set(sys.stdlib_module_names) == {"numpy", "PIL"}


def test_a_mask_of_two_frames_is_packed_once(train_folder, tmp_path):
    path = train_folder / "data.csv"
    path.write_text(path.read_text().replace("frame_001_seg", "frame_004_seg"))
    write_bundle(tmp_path / "b.zip", train_folder, "title")
    assert zipfile.ZipFile(tmp_path / "b.zip").namelist().count("reference_data/frame_004_seg.png") == 1


def test_bad_reference_makes_no_bundle(train_folder, tmp_path):
    (train_folder / "frame_002_seg.png").write_bytes(b"")
    command = [sys.executable, "-m", "src", "bundle", str(tmp_path / "out.zip"), "--reference"]
    done = subprocess.run([*command, str(train_folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "frame_002_seg.png" in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.glob("out.zip*"))


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        ((255, 255, 255), r"two classes or more, found the ids \[\] that count \(255 is ignored\)"),
        ((0, 255, 255), r"two classes or more, found the ids \[0\] that count \(255 is ignored\)"),
        ((1, 1, 1), r"two classes or more, found the ids \[1\]"),
        ((0, 1, 7), r"classes\.csv of the reference must list every id of its masks, found \[7\]"),
    ],
)
def test_masks_that_are_no_task_make_no_bundle(train_folder, tmp_path, ids, words):
    for path in train_folder.glob("*_seg.png"):
        cv2.imwrite(str(path), np.array(ids, np.uint8)[cv2.imread(str(path), cv2.IMREAD_UNCHANGED)])
    with pytest.raises(scoring.ScoringError, match=words):
        write_bundle(tmp_path / "out.zip", train_folder, "title")
    assert not list(tmp_path.glob("out.zip*"))


def test_a_label_that_the_classes_lack_makes_no_bundle(train_folder, tmp_path):
    rows = "mask,0,a\nmask,1,b\nmask,2,c\nlabel,0,empty\nlabel,1,red box\n"
    (train_folder / "classes.csv").write_text(f"task,id,name\n{rows}")
    set_labels(train_folder, "image_lvl_label", ["0", "1", "7", "0", "1", "256"])
    words = r"must list every label of its data\.csv, found 256, 7 in data\.csv alone; add them"
    with pytest.raises(scoring.ScoringError, match=words):
        write_bundle(tmp_path / "out.zip", train_folder, "title")
    set_labels(train_folder, "image_lvl_label", ["0", "1", "red box", "0", "1", "-1"])
    write_bundle(tmp_path / "out.zip", train_folder, "title")


def test_a_reference_without_truth_makes_no_bundle(train_folder, tmp_path):
    names = [f"frame_{number:03d}.jpg,," for number in range(6)]
    (train_folder / "data.csv").write_text("\n".join(["image_path,label_path,image_lvl_label", *names]))
    with pytest.raises(scoring.ScoringError, match="must name some truth in label_path or image_lvl_label"):
        write_bundle(tmp_path / "out.zip", train_folder, "title")
    assert not list(tmp_path.glob("out.zip*"))


@pytest.mark.slow
def test_2173_frames_of_720p_are_scored_within_five_minutes(tmp_path):
    rng, rows = np.random.default_rng(0), []
    for folder in ("ref", "res/data"):
        (tmp_path / folder).mkdir(parents=True)
    for number in range(2173):
        truth, answer = tmp_path / f"ref/{number}_seg.png", tmp_path / f"res/data/{number}_pred.png"
        if number < 20:  # the others are the same files again
            coarse = rng.integers(0, 6, (2, 18, 32), np.uint8)
            masks = [cv2.resize(mask, (1280, 720), interpolation=cv2.INTER_NEAREST) for mask in coarse]
            cv2.imwrite(str(truth), masks[0])
            cv2.imwrite(str(answer), np.dstack([masks[1]] * 3))
        else:
            truth.hardlink_to(tmp_path / f"ref/{number % 20}_seg.png")
            answer.hardlink_to(tmp_path / f"res/data/{number % 20}_pred.png")
        rows.append(f"{number}.jpg,{number}_seg.png,{number % 3},{number}_pred.png,{rng.integers(3)}")
    for folder, head, columns in (
        ("ref", "image_path,label_path,image_lvl_label", (0, 1, 2)),
        ("res", "image_path,pred_name,image_lvl_pred", (0, 3, 4)),
    ):
        lines = [",".join(row.split(",")[column] for column in columns) for row in rows]
        (tmp_path / folder / "data.csv").write_text("\n".join([head, *lines]) + "\n")
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-m", "src", "score", str(tmp_path), str(tmp_path / "out")], check=True)
    seconds = time.perf_counter() - begin
    print(f"2,173 frames in {seconds:.0f} s")
    assert seconds < 300
    assert json.loads((tmp_path / "out" / "scores.json").read_text())["miou"] == pytest.approx(
        1 / 11, abs=0.02
    )
