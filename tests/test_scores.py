import pytest

from src.common.errors import SettingsError
from src.scores import Scores, read_scored


@pytest.mark.parametrize(
    ("text", "miou", "accuracy", "f1"),
    [
        ("38.1 77.9 78.2", 0.381, 0.779, 0.782),
        ("38.1 %, 77.9 %, 78.2 %", 0.381, 0.779, 0.782),
        ("0.381/0.779/0.782", 0.381, 0.779, 0.782),
        ("38.1", 0.381, None, None),
        ("38.1 none 78.2", 0.381, None, 0.782),
    ],
)
def test_the_scores_of_a_leaderboard_are_read(text, miou, accuracy, f1):
    found = read_scored(text)
    for value, expected in ((found.miou, miou), (found.accuracy, accuracy), (found.f1, f1)):
        assert value == (None if expected is None else pytest.approx(expected))


def test_no_scores_are_none():
    assert read_scored(" ") is None
    assert isinstance(read_scored("1 2 3"), Scores)


@pytest.mark.parametrize(
    "text", ["good", "38,1", "38,1 77,9 78,2", "1 2 3 4", "-3 5 6", "381 77 78", "none none none"]
)
def test_other_texts_are_refused(text):
    with pytest.raises(SettingsError, match="SCORED must be mean IoU, accuracy and F1"):
        read_scored(text)


def test_a_number_without_quotes_is_refused():
    with pytest.raises(SettingsError, match=r"SCORED must be a text, found 38\.1"):
        read_scored(38.1)
