import os
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from src import project, run, runs
from src.common import errors
from src.data import doctor


def test_users_data_come_before_the_world(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = []
    monkeypatch.setattr(project.generate, "write_world", made.append)
    assert project.find_data("elsewhere") == Path("elsewhere") and not made
    (tmp_path / "Train").mkdir()
    for name in ("README.md", ".gitkeep"):
        (tmp_path / "Train" / name).touch()
    assert project.find_data(".") == Path("world") and made == [Path("world")]
    (tmp_path / "Train" / "0001.jpg").touch()  # without data.csv: the doctor says so
    assert project.find_data(".") == Path() and len(made) == 1
    assert project.find_reference("", Path()) is None


def test_a_reference_is_found_without_opening_it(tmp_path):
    (tmp_path / "data.csv").write_text("no table at all")
    assert project.find_reference(tmp_path, Path()) == tmp_path
    with pytest.raises(errors.DataError, match="REFERENCE must be a folder"):
        project.find_reference(tmp_path / "nowhere", Path())


def test_train_in_place_of_the_folder_that_holds_it_is_refused(tmp_path, capsys):
    part = tmp_path / "city" / "Test"
    part.mkdir(parents=True)
    assert project.find_data(part) == part  # holds no data.csv, so it may be a name like any other
    (part / "data.csv").touch()
    with pytest.raises(errors.DataError, match=r"that holds Train and Test, found .*; name .*city\.$"):
        project.find_data(part)
    assert run.main([f"DATA={part}"]) == 2 and f"name {part.parent}." in capsys.readouterr().err
    (part / "Train").mkdir()
    assert project.find_data(part) == part


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "data.csv").touch()
    assert project.find_data("~/city") == tmp_path / "city"
    assert project.find_reference("~", Path()) == tmp_path
    assert project.find_data("a~b") == Path("a~b")


def copy_makefile(tmp_path):
    """Makes a folder in which make runs a Python that prints its arguments."""
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    for name in ("Makefile", "requirements.lock"):
        shutil.copy(name, tmp_path)
    (tmp_path / ".venv" / "installed").touch()
    os.utime(tmp_path / "requirements.lock", (0, 0))


def test_make_refuses_a_setting_without_its_sign_before_anything_runs(tmp_path):
    copy_makefile(tmp_path)
    command = ["make", "run", "DATA", "../city"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 2 and done.stdout == ""
    assert "given as NAME=VALUE, found 'DATA ../city'; write for example make run DATA=../city" in done.stderr


def test_make_lab_says_where_its_settings_stand(tmp_path):
    copy_makefile(tmp_path)
    command = ["make", "lab", "DATA=../city"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 2 and done.stdout == ""
    assert "make lab takes no settings, found 'DATA=../city'; set them in the second code cell" in done.stderr


@pytest.mark.parametrize(
    "value", ["Anna's data", "price$1", "a$(b", "$(shell ls)", "run#2", "50%", "a;b", 'Straße "12"', "a  \\"]
)
def test_make_hands_on_what_was_typed(tmp_path, value):
    copy_makefile(tmp_path)
    done = subprocess.run(
        ["make", "run", f"DATA={value}"], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.splitlines() == ["-m", "src", "run", f"DATA={value}"]


def test_the_folder_is_typed_once(train_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(runs, "RUNS", tmp_path / "runs")
    assert project.Project.open(train_folder.parent, with_test=False).folder == train_folder.parent
    with pytest.raises(errors.DataError):
        project.Project.open(tmp_path / "misspelt", with_test=False)
    capsys.readouterr()
    again = project.Project.open("", with_test=False)
    assert again.folder == train_folder.parent and again.test is None and len(again.train) == 6
    assert f"those of DATA = '{train_folder.parent}', which was used last" in capsys.readouterr().out


def test_data_are_examined_once_until_a_file_changes(train_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "RUNS", tmp_path / "runs")
    examined = []
    monkeypatch.setattr(
        project, "examine", lambda *folders: examined.append(folders) or doctor.examine(*folders)
    )
    first = project.examine_cached(train_folder, None)
    again = project.examine_cached(train_folder, None)
    assert len(examined) == 1 and again.problems == first.problems and again.frames.equals(first.frames)
    mask = np.full((64, 96), 2, np.uint8)
    cv2.imwrite(str(train_folder / "frame_001_seg.png"), mask)
    assert not project.examine_cached(train_folder, None).classes.equals(first.classes) and len(examined) == 2
    (train_folder / "frame_001_seg.png").unlink()
    for _ in range(2):  # what is wrong is looked for again
        assert any(one.level == "error" for one in project.examine_cached(train_folder, None).problems)
    assert len(examined) == 4


def test_a_mask_behind_a_linked_folder_is_looked_at_again(train_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "RUNS", tmp_path / "runs")
    shutil.move(train_folder, tmp_path / "elsewhere")
    train_folder.mkdir()
    for name in ("data.csv", "classes.csv"):
        shutil.move(tmp_path / "elsewhere" / name, train_folder)
    table = (train_folder / "data.csv").read_text().replace("frame_", "linked/frame_")
    (train_folder / "data.csv").write_text(table)
    (train_folder / "linked").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (train_folder / "nowhere.jpg").symlink_to(tmp_path / "gone.jpg")
    (tmp_path / "elsewhere" / "again").symlink_to(train_folder, target_is_directory=True)
    first = project.examine_cached(train_folder, None)
    assert all(one.level != "error" for one in first.problems)
    cv2.imwrite(str(tmp_path / "elsewhere" / "frame_001_seg.png"), np.full((64, 96), 2, np.uint8))
    assert not project.examine_cached(train_folder, None).classes.equals(first.classes)
