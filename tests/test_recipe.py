import pytest

from src.settings import Recipe, read_recipe


def test_words_change_the_recipe():
    assert read_recipe("") == Recipe()
    assert read_recipe("crop=0.5 weights=none") == Recipe(crop=0.5, weights="none")
    assert Recipe.from_dict(Recipe(color=2.0).to_dict()) == Recipe(color=2.0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("colour=1", "nearest is color="),
        ("color", "parts as NAME=VALUE, found 'color'"),
        ("backbone=hub:my preset", "found 'preset'.*may hold no blanks"),
        ("zoom=0.6", "zoom must be 0.7 or more, found '0.6'; default: 1.6"),
        ("dice=-1", "dice must be 0.0 or more"),
        ("rate=inf", "rate must be"),
        ("rate=0", "rate must be 1e-07 or more, found '0'"),
        ("color=nan", "color must be"),
        ("color=much", "color must be a number, found 'much'; default: 1.0"),
    ],
)
def test_wrong_words_name_the_way_out(words, message):
    with pytest.raises(ValueError, match=message):
        read_recipe(words)


def test_a_part_of_another_version_names_the_remedy():
    with pytest.raises(
        ValueError, match=r"found 'frozen' of another version of the project; run Train_seg_sem"
    ):
        Recipe.from_dict(Recipe().to_dict() | {"frozen": "norm"})
