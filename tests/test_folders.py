from pathlib import Path

import pytest

from src import folders


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


def test_a_reference_tells_of_the_test_frames(tmp_path):
    for name, text in (
        ("Test", "image_path\na.jpg\nb.jpg\n"),
        ("truth", "image_path,label_path\nb.jpg,b.png\n"),  # of some frames is enough
        ("other", "image_path,label_path\nc.jpg,c.png\nb.jpg,b.png\n"),
        ("empty", "image_path\nb.jpg\n"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "data.csv").write_text(text)
    assert folders.find_reference(tmp_path / "truth", tmp_path) == tmp_path / "truth"
    with pytest.raises(ValueError, match=r"1 that are not there, as 'c\.jpg'"):
        folders.find_reference(tmp_path / "other", tmp_path)
    with pytest.raises(ValueError, match=r"label_path or image_lvl_label, found \['image_path'\]"):
        folders.find_reference(tmp_path / "empty", tmp_path)
    with pytest.raises(ValueError, match="nowhere must hold a data"):
        folders.find_reference(tmp_path / "nowhere", tmp_path)


def test_minutes_follow_the_data_unless_they_are_given(tmp_path):
    assert folders.choose_minutes("auto", tmp_path) == 20 and folders.choose_minutes(12, tmp_path) == 12
    (tmp_path / "Train").mkdir()
    (tmp_path / "Train" / "world.json").write_text("{}")
    assert folders.choose_minutes("auto", tmp_path) == 3.5
    with pytest.raises(ValueError, match="MINUTES must be"):
        folders.choose_minutes("long", tmp_path)
