from pathlib import Path

import pytest

from src import data, folders


def test_users_data_come_before_the_world(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = []
    monkeypatch.setattr(folders.world, "write_world", made.append)
    assert folders.find_data("elsewhere") == Path("elsewhere") and not made
    (tmp_path / "Train").mkdir()
    for name in ("README.md", ".gitkeep"):
        (tmp_path / "Train" / name).touch()
    assert folders.find_data(".") == Path("world") and made == [Path("world")]
    (tmp_path / "Train" / "0001.jpg").touch()  # without data.csv: the doctor says so
    assert folders.find_data(".") == Path() and len(made) == 1
    assert folders.find_reference("", Path()) is None


def test_a_reference_is_found_without_opening_it(tmp_path):
    (tmp_path / "data.csv").write_text("no table at all")
    assert folders.find_reference(tmp_path, Path()) == tmp_path
    with pytest.raises(data.DataError, match="REFERENCE must be a folder"):
        folders.find_reference(tmp_path / "nowhere", Path())


def test_minutes_follow_the_data_unless_they_are_given(tmp_path):
    assert folders.choose_minutes("auto", tmp_path) == 20 and folders.choose_minutes(12, tmp_path) == 12
    (tmp_path / "Train").mkdir()
    (tmp_path / "Train" / "world.json").write_text("{}")
    assert folders.choose_minutes("auto", tmp_path) == 3.5
    with pytest.raises(ValueError, match="MINUTES must be"):
        folders.choose_minutes("long", tmp_path)
