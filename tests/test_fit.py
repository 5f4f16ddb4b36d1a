import io
import time
import zipfile
from dataclasses import replace
from types import SimpleNamespace

import h5py
import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from conftest import write_set
from tiny import TINY

from src import runs as runs_module
from src.common import files
from src.common.errors import SettingsError
from src.data import classes as class_lists
from src.data.frames import Frames, load_frames
from src.data.samples import read_samples
from src.model import unet
from src.model.layers import MaskShares
from src.runs import Run, drop_scores, find_run, open_run, read_result, write_result
from src.scores import Scores
from src.settings import Recipe, TrainingSettings
from src.training import (
    checkpoints,
    event_log,
    keras_metrics,
    label_head,
    lengths,
    losses,
    optimizer,
)
from src.training import fit as fit_module
from src.training.fit import _choose_batches, _choose_rates, _make_plan, fit, make_variables
from src.training.lengths import Length

SETTINGS = TrainingSettings((64, 96), (32, 64), batch_size=3)
SIX = Length(6)


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """Six frames, which no test changes."""
    folder = tmp_path_factory.mktemp("frames")
    write_set(folder, range(6), with_answers=True)
    classes = class_lists.read_classes(folder)
    return load_frames(read_samples(folder, classes), classes, (64, 96))


def compile_network(network, recipe=SETTINGS.recipe, **how):
    goal = {"mask": losses.MaskLoss(np.ones(3)), "label": losses.LabelLoss()}
    watch = {"mask": keras_metrics.MaskIoU(3), "label": keras_metrics.LabelAccuracy()}
    network.compile(optimizer.make_optimizer(recipe), loss=goal, metrics=watch, **how)
    return network


def make_small():
    """A network of the joint one's inputs and outputs that trains within a second."""
    keras.utils.set_random_seed(0)
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(8, 3, padding="same")(keras.layers.Rescaling(1 / 128, -1)(image))
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    mask = keras.layers.Conv2D(3, 1, name="mask")(x)
    pooled = keras.layers.Dropout(0.5)(keras.layers.GlobalMaxPooling2D()(x))
    from_features = keras.layers.Dense(3, name="label_from_features")(pooled)
    from_mask = keras.layers.Dense(3, kernel_initializer="zeros", trainable=False, name="label_from_mask")
    label = keras.layers.Add(name="label")([from_features, from_mask(MaskShares()(mask))])
    return compile_network(keras.Model(image, {"mask": mask, "label": label}))


def test_one_batch_can_be_overfitted(frames):
    keras.utils.set_random_seed(0)
    joint = compile_network(unet.build_joint(unet.build_segmenter(3, TINY), 3))
    joint.optimizer.learning_rate = 1e-2
    (dropout,) = (layer for layer in joint.layers if isinstance(layer, keras.layers.Dropout))
    dropout.rate = 0  # it hinders this
    target = {"mask": np.stack(frames.masks), "label": frames.labels}
    make_variables(joint, np.stack(frames.images), target)  # else the graph would be built twice
    for _ in range(30):
        joint.train_on_batch(np.stack(frames.images), target)
    logits = joint(np.stack(frames.images), training=True)
    assert (logits["mask"].numpy().argmax(-1) == target["mask"]).mean() > 0.95
    assert (logits["label"].numpy().argmax(-1) == frames.labels).all()
    assert not joint.get_layer("label_from_mask").kernel.numpy().any()  # it is fitted afterwards


def test_the_backbone_learns_more_slowly(frames):
    """Adam's first step is the learning rate, whatever the gradient."""
    joint = unet.build_joint(unet.build_segmenter(3, TINY), 3)
    compile_network(joint, Recipe(backbone_rate=0.25), run_eagerly=True)  # a graph costs more than one step
    joint.optimizer.learning_rate = 1e-3
    names = ("tiny3_conv", "decoder_stage0a_conv", "final_conv", "label_from_features")
    layers = {layer.name: layer for layer in joint._flatten_layers() if layer.name in names}
    assert set(layers) == set(names)
    before = {name: layer.kernel.numpy() for name, layer in layers.items()}
    target = {"mask": np.stack(frames.masks), "label": frames.labels}
    joint.train_on_batch(np.stack(frames.images), target)
    steps = {name: np.abs(layer.kernel.numpy() - before[name]).max() for name, layer in layers.items()}
    for name in names:
        expected = 0.25e-3 if name == "tiny3_conv" else 1e-3
        assert np.isclose(steps[name], expected, rtol=0.1), name


def make_labelled(labels, count):
    """A joint network for `count` labels, and frames in bright and dark of the given labels, in turn."""
    rng = np.random.default_rng(0)
    images = [
        np.clip(rng.normal(60 + 60 * label, 20, (32, 64, 3)), 0, 255).astype(np.uint8) for label in labels
    ]
    masks = [np.zeros((32, 64), np.uint8) for _ in labels]
    many = Frames(images, masks, np.array(labels, np.int32), np.ones(len(labels), bool))
    return unet.build_joint(unet.build_segmenter(3, TINY), count), many


@pytest.mark.parametrize("labels", [[0, 1, 2], [0, 2]])
def test_refitted_head_knows_the_labels(labels):
    joint, many = make_labelled(labels * 8 + [-1], 4)
    label_head.fit_label_head(joint, many)
    logits = joint(np.stack(many.images[:-1]))["label"].numpy()
    assert (logits.argmax(-1) == many.labels[:-1]).mean() > 0.9
    absent = sorted(set(range(4)) - set(labels))
    np.testing.assert_allclose(logits[:, absent], label_head.ABSENT)


def test_the_head_is_refitted_on_frames_and_their_mirror_images(frames):
    image = keras.Input((64, 96, 3))
    left = keras.layers.Cropping2D(((0, 32), (0, 48)))(image)  # the left upper quarter
    mean = keras.layers.GlobalAveragePooling2D()(left)
    (features, same), labels = label_head._compute_features(keras.Model(image, [mean, mean]), frames)
    photos = np.stack(frames.images).astype(float)
    np.testing.assert_allclose(features[:6], photos[:, :32, :48].mean((1, 2)), rtol=1e-4)
    np.testing.assert_allclose(features[6:], photos[:, :32, 48:].mean((1, 2)), rtol=1e-4)
    np.testing.assert_array_equal(features, same)
    assert labels.tolist() == [*frames.labels] * 2


def test_both_parts_of_the_head_are_fitted(frames):
    joint = unet.build_joint(unet.build_segmenter(3, TINY), 3)
    layers = [joint.get_layer(part.layer) for part in label_head.PARTS]
    assert not any(layer.kernel.numpy().any() for layer in layers)
    label_head.fit_label_head(joint, frames)
    assert all(layer.kernel.numpy().any() for layer in layers)


def test_a_class_of_each_frame_is_hidden_in_turn():
    # Class 0 has the columns 0 and 2. The smallest values of the columns are 1, 4, 0 and 6.
    shares = np.array([[1, 5, 2, 6], [3, 4, 0, 7], [9, 9, 9, 9]])
    expected = [[1, 5, 0, 6], [3, 4, 0, 6], [1, 9, 0, 9]]
    np.testing.assert_array_equal(label_head.hide_classes(shares, 2), expected)


def test_the_joint_network_learns_at_a_fifth_of_the_rate():
    recipe = Recipe(rate=0.01, last_rate=0.5)
    assert _choose_rates(recipe, with_label=False) == pytest.approx((0.01, 0.005))
    assert _choose_rates(recipe, with_label=True) == pytest.approx((0.002, 0.001))


def test_head_of_one_label_stays():
    joint, many = make_labelled([1, 1, -1], 2)
    label_head.fit_label_head(joint, many)
    for part in label_head.PARTS:
        assert not joint.get_layer(part.layer).get_weights()[0].any()


@pytest.fixture(scope="module")
def whole(frames, tmp_path_factory):
    """A network after a training in pieces that is validated, and its history."""
    network = make_small()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lengths, "PIECE", 1)
        patch.setattr(checkpoints, "SAVE_SECONDS", 0)
        return network, fit(network, tmp_path_factory.mktemp("whole"), frames, SETTINGS, SIX, frames)


@pytest.mark.parametrize("stop", [1, 4])  # the first is in the middle of an epoch of two steps
def test_stopped_training_goes_on_to_the_same_weights(whole, frames, tmp_path, monkeypatch, stop):
    monkeypatch.setattr(lengths, "PIECE", 1)
    monkeypatch.setattr(checkpoints, "SAVE_SECONDS", 0)
    (network, history), how = whole, (frames, SETTINGS, SIX, frames)
    assert history.index.tolist() == [1, 2, 3] and history["val_mask_miou"].notna()[3]

    class Killed(checkpoints.Checkpointer):
        def save(self):
            super().save()
            if self.done == stop:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(fit_module, "Checkpointer", Killed)
        fit(make_small(), tmp_path / "parts", *how)
    resumed = make_small()
    history_of_parts = fit(resumed, tmp_path / "parts", *how)
    assert history_of_parts.index.tolist() == [1, 2, 3]
    np.testing.assert_allclose(history_of_parts["loss"], history["loss"], rtol=1e-6)
    for ours, theirs in zip(resumed.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_stopped_training_closes_its_progress_bar(frames, tmp_path, monkeypatch):
    bars = []
    show_progress = checkpoints.show_progress

    def note(**how):
        bars.append(show_progress(**how))
        return bars[-1]

    def stop(history, model, ended):
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints, "show_progress", note)
    with pytest.raises(KeyboardInterrupt):
        fit(make_small(), tmp_path, frames, SETTINGS, SIX, show=stop)
    (bar,) = bars
    assert bar.n == 2 and bar not in bar._instances  # else the next bar would stand below it


@pytest.fixture(scope="module")
def alone(frames, tmp_path_factory):
    """A network after a training that nothing watches."""
    network = make_small()
    fit(network, tmp_path_factory.mktemp("alone"), frames, SETTINGS, SIX)
    return network


def test_checkpoints_validations_and_the_live_view_change_no_weight(alone, frames, tmp_path, monkeypatch):
    watched = make_small()
    monkeypatch.setattr(checkpoints, "SAVE_SECONDS", 0)
    shown = []
    how = {"val_frames": frames, "show": lambda history, model, ended: shown.append(ended)}
    fit(watched, tmp_path / "watched", frames, SETTINGS, SIX, **how)
    assert shown == [False, False, False, True]
    for ours, theirs in zip(watched.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def read_log(path):
    """Reads a file for TensorBoard: by step, {tag: number, or picture as uint8 RGB}."""
    steps = {}
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        event = tf.compat.v1.Event.FromString(record)
        for value in event.summary.value:
            shown = value.simple_value
            if value.HasField("image"):
                shown = tf.io.decode_png(value.image.encoded_image_string).numpy()
            steps.setdefault(event.step, {})[value.tag] = shown
    return steps


def test_log_for_tensorboard_holds_the_history_and_predictions_and_changes_no_weight(
    alone, frames, classes, tmp_path, monkeypatch
):
    monkeypatch.setattr(event_log, "SHARE", 100)  # so short a training has no time for predictions
    logged = make_small()
    log = event_log.EventLog(tmp_path / "logged", frames.take([1, 4]), classes.mask)
    fit(logged, tmp_path / "logged", frames, SETTINGS, SIX, frames, log=log)
    for ours, theirs in zip(logged.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    (path,) = (tmp_path / "logged").glob("*tfevents*")
    steps = read_log(path)
    rows = pd.read_csv(tmp_path / "logged" / "history.csv", index_col="step")
    names = rows.columns.drop(["epoch", "seconds"])
    assert {"loss", "val_mask_miou", "val_label_accuracy"} <= set(names)
    for step, row in rows.iterrows():
        for name in names[row[names].notna()]:
            assert steps[step][name] == pytest.approx(row[name], rel=1e-6), name
    np.testing.assert_array_equal(steps[0]["frame 1/photo"], frames.images[1])
    np.testing.assert_array_equal(steps[0]["frame 2/truth"], classes.mask.paint(frames.masks[4]))
    predicted = classes.mask.paint(logged(frames.images[4][None])["mask"][0].numpy().argmax(-1))
    np.testing.assert_array_equal(steps[6]["frame 2/prediction"], predicted)  # by the averaged weights
    assert all(("frame 1/prediction" in steps[step]) == ("val_loss" in steps[step]) for step in rows.index)


def test_predictions_for_the_log_take_at_most_a_hundredth_of_the_time(frames, classes, tmp_path, monkeypatch):
    now = [0.0]

    def predict_slowly(images, training):
        now[0] += 0.5
        return {"mask": np.zeros((*images.shape[:3], 3))}

    monkeypatch.setattr(event_log.time, "monotonic", lambda: now[0])
    log = event_log.EventLog(tmp_path, frames.take([0, 1]), classes.mask)
    log.set_model(predict_slowly)
    predict_slowly.optimizer = SimpleNamespace(iterations=tf.Variable(0))
    log.on_train_begin()
    logged = []
    for _ in range(100):
        now[0] += 20.0
        log.on_test_end()
        logged.append(len(log.predictions))
        log.on_epoch_end(0, {})
    assert logged[:10] == [2, *[0] * 8, 2]  # 1 s each, so the second ones need 200 s
    assert 0.5 * sum(logged) <= 0.01 * now[0] + 1
    log.on_train_end()


def test_log_goes_on_with_a_training(frames, classes, tmp_path, monkeypatch):
    monkeypatch.setattr(lengths, "PIECE", 1)
    monkeypatch.setattr(checkpoints, "SAVE_SECONDS", 0)

    class Killed(checkpoints.Checkpointer):
        def save(self):
            super().save()
            if self.done == 4:
                raise KeyboardInterrupt

    def train():
        log = event_log.EventLog(tmp_path, frames.take([0]), classes.mask)
        fit(make_small(), tmp_path, frames, SETTINGS, SIX, frames, log=log)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(fit_module, "Checkpointer", Killed)
        train()
    train()
    first, second = sorted(tmp_path.glob("*tfevents*"))
    assert sorted(read_log(first)) == [0, 1, 2, 3, 4] and sorted(read_log(second)) == [4, 5, 6]


def test_a_training_that_stops_while_it_saves_has_its_whole_history_in_the_end(frames, tmp_path, monkeypatch):
    monkeypatch.setattr(lengths, "PIECE", 1)
    monkeypatch.setattr(checkpoints, "SAVE_SECONDS", 0)
    write = files.write_atomically
    written = []

    def write_and_stop(path, *how):
        write(path, *how)
        written.append(path.name)
        if len(written) == 9:  # plan and first checkpoint, then two files a step: the first one of step 4
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(checkpoints.files, "write_atomically", write_and_stop)
        fit(make_small(), tmp_path, frames, SETTINGS, SIX)
    fit(make_small(), tmp_path, frames, SETTINGS, SIX)
    assert pd.read_csv(tmp_path / "history.csv")["step"].tolist() == [1, 2, 3, 4, 5, 6]


def test_a_loss_that_is_no_number_ends_the_training_and_keeps_the_checkpoint(frames, tmp_path):
    first = make_small()
    untrained = first.get_weights()
    settings = replace(SETTINGS, recipe=Recipe(rate=1e30))
    with pytest.raises(
        SettingsError, match=r"must stay a number, found nan after step \d+; lower the learning"
    ):
        fit(first, tmp_path, frames, settings, Length(60))
    second = make_small()
    second.load_weights(tmp_path / checkpoints.CHECKPOINT)
    assert all(np.array_equal(a, b) for a, b in zip(untrained, second.get_weights(), strict=True))
    assert not (tmp_path / "model.keras").exists() and not (tmp_path / "history.csv").exists()


def test_a_checkpoint_of_another_network_is_told(frames, tmp_path):
    image = keras.Input((None, None, 3), name="image")
    other = keras.Model(image, keras.layers.Conv2D(7, 3, name="mask")(image))
    other.compile("adam", "mse")
    other.save_weights(tmp_path / checkpoints.CHECKPOINT)
    with pytest.raises(SettingsError, match=r"must be of the network that this version builds.*delete"):
        fit(make_small(), tmp_path, frames, SETTINGS, Length(2))


def test_a_finished_training_of_another_network_is_told(frames, tmp_path):
    image = keras.Input((None, None, 3))
    other = keras.Model(image, {"mask": keras.layers.Conv2D(7, 3, name="mask")(image)})
    (tmp_path / "run").mkdir()
    other.save(tmp_path / "run" / "model.keras")
    match = r"model\.keras must be of the network that this version builds.*delete .* to train anew"
    with pytest.raises(SettingsError, match=match):
        fit(make_small(), tmp_path / "run", frames, SETTINGS, Length(2))


def test_finished_training_is_not_repeated(frames, tmp_path):
    first, again = make_small(), make_small()
    fit(first, tmp_path / "run", frames, SETTINGS, Length(2))
    fit(again, tmp_path / "run", frames, SETTINGS, Length(2))
    for ours, theirs in zip(again.get_weights(), first.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


class SlowClock:
    """A clock that goes five times as fast as ours, as if the machine were five times as slow."""

    def __init__(self, factor):
        self.factor, self.clock = factor, time.perf_counter

    def __call__(self):
        return self.factor * self.clock()


@pytest.fixture(scope="module")
def default(frames, tmp_path_factory):
    """A network after a training of the default length, which is long enough to be timed, and its folder."""
    folder = tmp_path_factory.mktemp("default")
    network = make_small()
    fit(network, folder, frames, SETTINGS, choose_default(frames))
    return network, folder


def choose_default(frames):
    """The default length of a training."""
    return Length(lengths.choose_steps("joint", frames.counts, 3))


def test_a_slow_machine_makes_the_same_plan_and_the_same_weights(
    default, frames, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(fit_module.time, "perf_counter", SlowClock(5))
    require_same_training(default, frames, tmp_path)
    assert f"{lengths.read_plan(tmp_path).steps} steps at " in capsys.readouterr().out  # they were timed


def test_a_busy_machine_gives_the_same_weights_to_the_bit(default, busy, frames, tmp_path):
    assert choose_default(frames).steps >= 100
    require_same_training(default, frames, tmp_path)


def require_same_training(default, frames, folder):
    """Trains once more as `default`, to the same plan and the same weights."""
    first, first_folder = default
    network = make_small()
    fit(network, folder, frames, SETTINGS, choose_default(frames))
    assert lengths.read_plan(folder) == lengths.read_plan(first_folder)
    for ours, theirs in zip(network.get_weights(), first.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_timing_leaves_no_trace(frames, tmp_path):
    joint = make_small()
    stream = _choose_batches(frames, SETTINGS, True)()
    make_variables(joint, *next(iter(stream)))
    before = joint.get_weights()
    plan = _make_plan(joint, stream, 2, 0, Length(1000))
    assert plan == lengths.cut_steps(1000, 2)
    assert all((a == b).all() for a, b in zip(before, joint.get_weights(), strict=True))
    assert int(joint.optimizer.iterations) == 0


def test_a_wish_for_minutes_is_planned_once_and_kept(frames, tmp_path, monkeypatch):
    monkeypatch.setattr(fit_module, "_time_steps", lambda model, stream: 6.0)
    wish = Length(100, minutes=1)
    fit(make_small(), tmp_path, frames, SETTINGS, wish)
    (tmp_path / "model.keras").unlink()
    monkeypatch.setattr(fit_module, "_time_steps", lambda model, stream: 1.0)
    history = fit(make_small(), tmp_path, frames, SETTINGS, wish)
    assert lengths.count_planned(tmp_path) == 10 and len(history) == 5


def test_timing_builds_the_graphs_that_training_uses(frames, tmp_path, monkeypatch):
    joint, built = make_small(), []
    for name in ("train_step", "test_step"):  # TensorFlow calls them to build a graph, and then no more
        step = getattr(joint, name)
        monkeypatch.setattr(joint, name, lambda *a, step=step, name=name: built.append(name) or step(*a))
    fit(joint, tmp_path, frames, SETTINGS, Length(60), val_frames=frames)
    assert sorted(built) == ["test_step", "train_step"]


def test_runs_are_named_by_what_they_rest_on(train_folder, classes, tmp_path, monkeypatch):
    monkeypatch.setattr(runs_module, "RUNS", tmp_path / "runs")
    samples = read_samples(train_folder, classes)
    settings = [{"SEED": seed, "MINUTES": 10, "HOLDS_OUT": True} for seed in (0, 0, 1)]
    runs = [open_run("seg", tmp_path, samples, classes, chosen) for chosen in settings]
    assert runs[0].folder == runs[1].folder != runs[2].folder
    # The submitted segmentation network goes on from the held-out model; the others have as many steps.
    assert [lengths.count_trainings("seg", networks, True) for networks in (1, 3)] == [2, 6]
    assert [lengths.count_trainings("joint", networks, True) for networks in (1, 3)] == [2, 4]
    assert [lengths.count_trainings("seg", networks, False) for networks in (1, 3)] == [1, 3]
    assert lengths.share_minutes("seg", 10, 3, holds_out=True) == pytest.approx(10 * 0.7 / 5.4)
    assert lengths.share_minutes("seg", 10, 1, holds_out=True) == pytest.approx(10 * 0.7 / 2)
    with pytest.raises(FileNotFoundError, match=r"Train_seg_sem\.ipynb"):
        find_run("seg", samples, classes)
    write_result(runs[2], {"minutes": 1.0})
    assert find_run("seg", samples, classes).folder == runs[2].folder
    write_result(runs[0], {"minutes": 1.0})
    for run in runs[1:]:
        assert find_run("seg", samples, classes, run.folder.name).folder == run.folder
    with pytest.raises(FileNotFoundError, match=f"RUN must be .*choose from .*{runs[2].folder.name}"):
        find_run("seg", samples, classes, "seg-gone")


def test_result_grows_and_holds_no_nan(tmp_path):
    run = Run(tmp_path, {"kind": "joint", "MINUTES": 1})
    write_result(run, {"seed": 3, "scores": {"held_out": Scores(miou=0.5, f1=float("nan"))}})
    write_result(run, {"scores": {"test": Scores(miou=0.4)}})
    result = read_result(run)
    assert result.scores == {"held_out": Scores(miou=0.5), "test": Scores(miou=0.4)}
    assert result.seed == 3
    drop_scores(run, "test", "constant")
    assert set(read_result(run).scores) == {"held_out"}


def test_average_of_weights_is_what_remains(frames, tmp_path, monkeypatch):
    calls, apply = [], optimizer.AveragingAdamW.apply

    def note(self, grads, trainable_variables):
        calls.append(len(grads))
        apply(self, grads, trainable_variables)

    monkeypatch.setattr(optimizer.AveragingAdamW, "apply", note)
    joint, before = make_small(), make_small().get_weights()
    fit(joint, tmp_path, frames, SETTINGS, SIX)
    assert calls  # ours, and not Keras' own, which another version may call by another name
    assert all((ours != theirs).any() for ours, theirs in zip(joint.get_weights(), before, strict=True))
    with zipfile.ZipFile(tmp_path / "model.keras") as file:
        weights = h5py.File(io.BytesIO(file.read("model.weights.h5")))
    assert "layers" in weights and "optimizer" not in weights  # which is three times as large
    own = joint.optimizer
    for variable, average in zip(own._trainable_variables, own._model_variables_moving_average, strict=True):
        if variable.path.startswith("label_from_features/"):  # regression gave it other weights afterwards
            continue
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(variable), keras.ops.convert_to_numpy(average)
        )
