import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from src.data.classes import IGNORE, NO_LABEL
from src.model import replicas
from src.model.layers import FusedNormalization
from src.training import batches


@pytest.mark.parametrize(
    ("gpus", "batch_size", "used"),
    [(0, 4, 1), (1, 4, 1), (2, 4, 2), (3, 4, 2), (8, 4, 4), (2, 3, 1), (3, 3, 3)],
)
def test_as_many_gpus_are_used_as_share_a_batch_evenly(gpus, batch_size, used):
    assert replicas.count_sharing(gpus, batch_size) == used


@pytest.mark.parametrize("gpus", [[], ["GPU:0"]])
def test_a_network_stays_as_it_is_where_there_are_not_two_gpus(monkeypatch, gpus):
    monkeypatch.setattr(replicas, "list_gpus", lambda: gpus)
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    assert replicas.mirror(network, 4) is network


@pytest.mark.parametrize("kind", [keras.layers.BatchNormalization, FusedNormalization])
def test_a_copied_normalisation_uses_the_moments_of_all_devices(kind):
    copy = replicas.copy_layer(kind(name="stem_bn", trainable=False))
    assert type(copy) is kind and copy.synchronized
    assert copy.name == "stem_bn" and not copy.trainable


def test_filled_up_batches_have_rows_that_do_not_count():
    image = np.full((3, 2, 2, 3), 7, np.uint8)
    target = {"mask": np.ones((3, 2, 2), np.uint8), "label": np.array([0, 2, 1], np.int32)}
    stream = tf.data.Dataset.from_tensors((image, target))
    ((filled, goal),) = batches.fill_up(stream, 2).as_numpy_iterator()
    assert filled.shape == (4, 2, 2, 3) and (filled[:3] == 7).all() and not filled[3].any()
    assert (goal["mask"][:3] == 1).all() and (goal["mask"][3] == IGNORE).all()
    assert goal["label"].tolist() == [0, 2, 1, NO_LABEL]
    ((same, _),) = batches.fill_up(stream, 3).as_numpy_iterator()
    assert (same == image).all()


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What `two_devices.py` found."""
    from conftest import write_set

    folder = tmp_path_factory.mktemp("devices")
    write_set(folder / "Train", range(6), with_answers=True)
    words = [sys.executable, "-m", "tests.two_devices", folder / "Train", folder / "out"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Trains on 2 of 2 GPUs, 2 frames of each batch on each." in done.stdout
    assert "Training goes on after step 7 of 20." in done.stdout
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_one_step_has_the_gradients_of_the_whole_batch(found):
    """Below a ReLU whose input is 0 but for rounding, gradients are less alike."""
    assert np.median(found["gradients"]) < 2e-3
    assert max(found["gradients"]) < 2e-2
    assert found["gradients"][0] < 1e-6  # the loss


@pytest.mark.slow
def test_twenty_steps_on_two_devices_are_those_on_one(found):
    one, two = found["one"], found["two"]
    assert (one["replicas"], two["replicas"]) == (1, 2)
    assert len(one["history"]["loss"]) == 20
    assert one["history"]["loss"][-1] < one["history"]["loss"][0] - 0.1
    for name in ("loss", "mask_loss", "label_loss", "label_accuracy"):
        np.testing.assert_allclose(two["history"][name], one["history"][name], atol=1e-4, err_msg=name)
    np.testing.assert_allclose(two["history"]["mask_miou"], one["history"]["mask_miou"], atol=1e-3)


@pytest.mark.slow
def test_validation_is_of_averaged_weights_on_all_frames(found):
    for name in ("val_mask_miou", "val_label_accuracy"):
        ours, theirs = (found[devices]["history"][name] for devices in ("two", "one"))
        assert np.isfinite(theirs[-1])
        np.testing.assert_allclose(ours, theirs, atol=1e-3, err_msg=name)


@pytest.mark.slow
def test_all_devices_end_with_the_same_weights(found):
    assert found["two"]["spread"] == 0


@pytest.mark.slow
def test_the_network_its_file_and_its_export_predict_what_one_device_has_learned(found):
    expected = found["one"]
    for number in range(3):  # the network, its file and its export
        for name in ("predicted", "labels"):
            ours, theirs = found["two"][name][number], expected[name][number]
            np.testing.assert_allclose(ours, theirs, atol=1e-3, err_msg=name)
