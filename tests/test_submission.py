from pathlib import Path
from types import SimpleNamespace

import pytest

from src import runs
from src.scores import Scores
from src.submission import submission as submission_module
from src.submission.submission import Submission


@pytest.fixture
def submission(tmp_path, monkeypatch):
    """A zip that was not scored yet, of a run with an estimate."""
    run = runs.Run(tmp_path, {"SIZE": [64, 96]})
    runs.write_result(run, {})
    monkeypatch.setattr(submission_module, "check_reference", lambda *_: None)
    opened = object.__new__(Submission)
    opened.run = run
    opened.scores = {"estimate": Scores(0.5)}
    opened.path = Path("a.zip")
    opened.project = SimpleNamespace(reference=Path("reference"), folder=Path(), classes=None)
    alone = {"scores": {"test_segmenter": Scores(0.4)}}
    monkeypatch.setattr(opened, "_score_segmenter", lambda: runs.write_result(run, alone))
    return opened


def test_no_score_by_an_earlier_reference_stands_beside_those_by_the_new_one(submission, monkeypatch):
    scored = {"scores": {"miou": 0.5}, "confusion": {"mask": [[3, 1], [0, 4]], "label": None}}
    monkeypatch.setattr(submission_module, "score_submission", lambda *_: scored | {"others": 0})
    submission._score_by_reference()
    first = runs.read_result(submission.run).scores
    # One answer for all is right on 4 of 8 pixels, and the other of the two classes has 0.
    assert first["constant"].miou == 0.25 and first["test_segmenter"].miou == 0.4
    # Of a class that Train lacks, neither of these two would be comparable.
    monkeypatch.setattr(submission_module, "score_submission", lambda *_: scored | {"others": 1})
    submission._score_by_reference()
    assert set(submission.scores) == {"estimate", "test"}
    assert set(runs.read_result(submission.run).scores) == {"estimate", "test"}
