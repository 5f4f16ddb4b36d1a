from types import SimpleNamespace

import numpy as np
import pandas as pd

from src.submission.result import Result


def test_common_errors_are_counted_over_the_frames_with_truth_by_whole_names(capsys):
    rows = [
        (50.0, "curb (high) taken for grass (3.5 %)"),
        (60.0, "curb (high) taken for road (20.0 %)"),
        (70.0, "curb (high) taken for grass (1.0 %)"),
        (np.nan, "nothing"),  # a frame without a true mask
    ]
    frames = pd.DataFrame(rows, columns=["mean IoU %", "most common error"])
    result = SimpleNamespace(frames=frames, correlate_expected=lambda: None)
    counts = Result.count_common_errors(result)["frames"]
    assert counts.to_dict() == {"curb (high) taken for grass": 2, "curb (high) taken for road": 1}
    assert "on 2 of 3 frames: curb (high) taken for grass." in capsys.readouterr().out
