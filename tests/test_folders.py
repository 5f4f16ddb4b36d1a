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
