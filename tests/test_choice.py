import keras
import numpy as np
import pytest
from tiny import TINY

from src.data.frames import load_frames
from src.data.samples import read_samples
from src.evaluation.choice import choose_frames, measure_features
from src.model import unet
from src.settings import Recipe

LINE = np.array([[0.0], [10.3], [0.1], [10.0], [0.2], [10.1]])  # two groups of three


def test_the_frame_in_the_middle_of_each_group_is_chosen():
    # Centres: 0.1 and 10.13. The second group weighs 0.6, the first one 0.3
    chosen = choose_frames(LINE, 1 - np.array([0.1, 0.2, 0.1, 0.2, 0.1, 0.2]), 2)
    assert chosen.tolist() == [5, 2]


def test_an_uncertain_frame_draws_the_centre_to_itself():
    # The first group's centre: (0.1 * 0 + 0.1 * 0.1 + 0.8 * 0.2) / 1 = 0.17, closest to 0.2
    chosen = choose_frames(LINE, 1 - np.array([0.1, 0.1, 0.1, 0.1, 0.8, 0.1]), 2)
    assert chosen.tolist() == [4, 5]


def test_equal_photos_are_chosen_once():
    chosen = choose_frames(np.array([[1.0], [1.0], [2.0], [1.0]]), np.full(4, 0.3), 4)
    assert len(chosen) == 2 and 2 in chosen


@pytest.mark.parametrize("count", [1, 3, 6])
def test_frames_of_which_the_network_is_sure_are_chosen_too(count):
    chosen = choose_frames(LINE, np.ones(6), count)
    assert len(set(chosen.tolist())) == count


def test_features_are_the_means_that_the_label_head_reads(train_folder, classes):
    samples = read_samples(train_folder, classes)
    keras.utils.set_random_seed(0)
    network = unet.build_joint(unet.build_segmenter(3, TINY), 3)
    features = measure_features(network, samples, classes, (64, 96))
    pooled = next(layer for layer in network.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D))
    photos = np.stack(load_frames(samples, classes, (64, 96)).images)
    expected = keras.Model(network.input, pooled.output)(photos).numpy()
    assert features.shape == (6, 32) and np.ptp(expected, axis=0).max() > 0
    np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_a_network_that_uses_depth_takes_photos_without_it(train_folder, classes):
    samples = read_samples(train_folder, classes)
    network = unet.build_segmenter(3, Recipe(weights="none", depth=0.001))
    features = measure_features(network, samples, classes, (64, 96))
    assert len(features) == 6 and np.isfinite(features).all()
