import numpy as np
import pytest
from texts import squeeze

from src.experiments import quality


def test_time_to_quality_by_hand():
    curves = {
        "ours": {"minutes": [1.0, 2.0, 3.0], "miou": [0.2, 0.6, 0.7]},
        "smp, slow": {"minutes": [2.0, 4.0, 6.0], "miou": [0.2, 0.3, 0.5]},
        "smp, fast": {"minutes": [2.0, 4.0, 6.0], "miou": [0.4, 0.65, 0.6]},  # the best so far counts
    }
    common, minutes = quality.time_quality(curves)
    assert common == pytest.approx(0.65)
    assert minutes == {"ours": pytest.approx(2.5), "smp, fast": pytest.approx(4.0)}
    assert quality.count_ratio(curves) == {"time_to_quality": pytest.approx(1.6)}
    assert quality.count_ratio({"ours": curves["ours"]}) == {} and quality.count_ratio({}) == {}
    lines = squeeze(quality.make_quality_table({"0": curves, "1": curves})).splitlines()
    assert lines[3] == "| smp, slow | 2 | 6.0 | 50.0 | not reached |"


def test_curves_are_averaged_over_the_seeds():
    first = {"ours": {"minutes": [1.0, 2.0], "miou": [0.2, 0.6]}}
    second = {"ours": {"minutes": [1.0, 4.0], "miou": [0.4, 0.5]}}
    mean = quality.average_curves({"0": first, "1": second})["ours"]
    np.testing.assert_allclose(mean["minutes"], [1, 3])
    np.testing.assert_allclose(mean["miou"], [0.3, 0.55])
    assert quality.average_curves({}) == {}
