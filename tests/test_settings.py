import json

import pytest

from src import result_plots
from src.common.errors import SettingsError
from src.data.samples import read_samples
from src.pipeline.joint import Joint
from src.settings import Recipe, Settings, TrainingSettings
from src.submission.submission import Submission


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"size": (250, 352)}, "SIZE must be two multiples of 32"),
        ({"epochs": 0}, "EPOCHS must be"),
        ({"minutes": -1}, "MINUTES must be"),
        ({"minutes": float("inf")}, "MINUTES must be"),
        ({"batch_size": 0}, "BATCH_SIZE must be a whole number of 1 or more, found 0"),
        ({"batch_size": 4.0}, "BATCH_SIZE must be a whole number of 1 or more, found 4.0"),
        ({"seed": -1}, "SEED must be a whole number of 0 or more, found -1"),
        ({"seed": True}, "SEED must be a whole number of 0 or more, found True"),
        ({"seed": 2**32 - 2000}, "SEED must be 4,000,000,000 or less, found 4294965296"),
        ({"minutes": True}, "MINUTES must be None or a positive number, found True"),
        ({"estimate": "fast"}, "ESTIMATE must be one of quick, full, off, found 'fast'"),
        (
            {"preset": "good"},
            "PRESET must be one of fast, best, found 'good'; write for example",
        ),
        ({"recipe": "colour=2"}, "nearest is color="),
    ],
)
def test_a_wrong_setting_is_named_as_soon_as_it_is_typed(wrong, words):
    with pytest.raises(ValueError, match=words):
        Settings(**wrong)


def test_what_is_left_to_the_data_is_chosen(train_folder, classes):
    samples = read_samples(train_folder, classes)
    chosen = Settings(recipe="crop=0.5", estimate="off", seed=3).resolve(samples)
    assert chosen.size == (128, 192) and chosen.crop == (64, 96)
    assert chosen.recipe == Recipe(crop=0.5) and not chosen.holds_out and chosen.seed == 3
    assert Settings(size=(32, 64)).resolve(samples).size == (32, 64)
    assert chosen.networks == 1 and Settings(preset="best").resolve(samples).networks == 3


def test_settings_come_back_from_their_file(train_folder, classes):
    chosen = Settings(group="robot_id", minutes=5).resolve(read_samples(train_folder, classes))
    assert TrainingSettings.from_dict(json.loads(json.dumps(chosen.to_dict()))) == chosen


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda: Joint.fit_folds(None, jobs=0), "JOBS must be a whole number of 1 or more, found 0"),
        (lambda: Submission.write(None, channels=2), "CHANNELS must be one of 3, 1, found 2"),
        (
            lambda: result_plots.plot_frames(None, 2.5),
            "FRAMES must be a whole number of 1 or more",
        ),
    ],
)
def test_settings_that_are_typed_into_a_cell_are_checked_first(use, message):
    with pytest.raises(SettingsError, match=message):
        use()
