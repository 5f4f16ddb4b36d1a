import numpy as np
import pandas as pd
import pytest

from src.experiments import publish


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ([0, 5], [9, 1, 5]),  # frame 0 is of recording a, as frame 1 is
        ([0], [9, 1, 0]),  # no wrong frame is of another recording
        ([], [9, 1]),
    ],
)
def test_examples_are_good_hard_and_wrong_elsewhere(wrong, expected):
    # Of eleven frames, from the worst to the best, the second is 1 (0.1 * 10) and the tenth is 9 (0.9 * 10).
    score = pd.Series([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, np.nan])
    recordings = pd.Series(list("aaaabbbbcccc"))
    is_wrong = np.isin(np.arange(12), wrong)
    assert publish.choose_examples(score, is_wrong, recordings) == expected
