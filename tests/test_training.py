import io
import zipfile
from functools import partial

import h5py
import keras
import numpy as np
import pytest

from src import augment, batches, data, losses, metrics, model, optimizer, record, training
from src.recipe import Recipe

HOW = {"recipe": Recipe(), "crop": (32, 64), "batch_size": 3, "seed": 0, "minutes": 1, "epochs": 3}


@pytest.fixture
def frames(train_folder, classes):
    return batches.load_frames(data.read_samples(train_folder, classes), classes, (64, 96))


def compile_network(network, recipe=HOW["recipe"]):
    goal = {"mask": losses.MaskLoss(np.ones(3)), "label": losses.LabelLoss()}
    watch = {"mask": metrics.MaskIoU(3), "label": metrics.LabelAccuracy()}
    network.compile(optimizer.make_optimizer(recipe), loss=goal, metrics=watch)
    return network


def make_small():
    """A network of the joint one's inputs and outputs that trains within a second."""
    keras.utils.set_random_seed(0)
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(8, 3, padding="same")(keras.layers.Rescaling(1 / 128, -1)(image))
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    mask = keras.layers.Conv2D(3, 1, name="mask")(x)
    pooled = keras.layers.Dropout(0.5)(keras.layers.GlobalMaxPooling2D()(x))
    label = keras.layers.Dense(3, name="label")(pooled)
    return compile_network(keras.Model(image, {"mask": mask, "label": label}))


def test_one_batch_can_be_overfitted(frames):
    keras.utils.set_random_seed(0)
    joint = compile_network(model.build_joint(model.build_segmenter(3, Recipe()), 3))
    joint.optimizer.learning_rate = 1e-3
    next(
        layer for layer in joint.layers if isinstance(layer, keras.layers.Dropout)
    ).rate = 0  # it hinders this
    target = {"mask": np.stack(frames.masks), "label": frames.labels}
    for _ in range(30):
        joint.train_on_batch(np.stack(frames.images), target)
    logits = joint(np.stack(frames.images), training=True)
    assert (logits["mask"].numpy().argmax(-1) == target["mask"]).mean() > 0.95
    assert (logits["label"].numpy().argmax(-1) == frames.labels).all()


def test_the_backbone_learns_more_slowly(frames):
    """Adam's first step is the learning rate, whatever the gradient."""
    joint = compile_network(
        model.build_joint(model.build_segmenter(3, Recipe()), 3), Recipe(backbone_rate=0.25)
    )
    joint.optimizer.learning_rate = 1e-3
    names = ("block3a_expand", "decoder_stage0a_conv", "final_conv", "label")
    layers = {layer.name: layer for layer in joint._flatten_layers() if layer.name in names}
    assert set(layers) == set(names)
    before = {name: layer.kernel.numpy() for name, layer in layers.items()}
    target = {"mask": np.stack(frames.masks), "label": frames.labels}
    joint.train_on_batch(np.stack(frames.images), target)
    steps = {name: np.abs(layer.kernel.numpy() - before[name]).max() for name, layer in layers.items()}
    for name in names:
        expected = 0.25e-3 if name == "block3a_expand" else 1e-3
        assert np.isclose(steps[name], expected, rtol=0.1), name


def make_labelled(labels, count):
    """A joint network for `count` labels, and frames in bright and dark of the given labels, in turn."""
    rng = np.random.default_rng(0)
    images = [
        np.clip(rng.normal(60 + 60 * label, 20, (32, 64, 3)), 0, 255).astype(np.uint8) for label in labels
    ]
    masks = [np.zeros((32, 64), np.uint8) for _ in labels]
    many = batches.Frames(images, masks, np.array(labels, np.int32), np.ones(len(labels), bool))
    return model.build_joint(model.build_segmenter(3, Recipe()), count), many


@pytest.mark.parametrize("labels", [[0, 1, 2], [0, 2]])
def test_refitted_head_knows_the_labels(labels):
    joint, many = make_labelled(labels * 8 + [-1], 4)
    training.refit_label(joint, many)
    logits = joint(np.stack(many.images[:-1]))["label"].numpy()
    assert (logits.argmax(-1) == many.labels[:-1]).mean() > 0.9
    absent = sorted(set(range(4)) - set(labels))
    np.testing.assert_allclose(logits[:, absent], training.ABSENT)


def test_head_of_one_label_stays():
    joint, many = make_labelled([1, 1, -1], 2)
    training.refit_label(joint, many)
    assert not joint.get_layer("label").get_weights()[0].any()


def test_stopped_training_goes_on_to_the_same_weights(frames, tmp_path):
    whole, how = make_small(), HOW | {"val_frames": frames}
    history = training.fit(whole, tmp_path / "whole", frames, **how)
    assert history.index.tolist() == [1, 2, 3] and history["val_mask_miou"].notna().all()

    def stop(history, _, ended):
        if len(history) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training.fit(make_small(), tmp_path / "parts", frames, show=stop, **how)
    resumed = make_small()
    history_of_parts = training.fit(resumed, tmp_path / "parts", frames, **how)
    assert history_of_parts.index.tolist() == [1, 2, 3]
    np.testing.assert_allclose(history_of_parts["loss"], history["loss"], rtol=1e-6)
    for ours, theirs in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


def test_no_epochs_are_refused(frames, tmp_path):
    with pytest.raises(ValueError, match="EPOCHS must be None or a whole number from 1"):
        training.fit(make_small(), tmp_path / "run", frames, **(HOW | {"epochs": 0}))


def test_finished_training_is_not_repeated(frames, tmp_path):
    first, again = make_small(), make_small()
    training.fit(first, tmp_path / "run", frames, **(HOW | {"epochs": 1}))
    training.fit(again, tmp_path / "run", frames, **(HOW | {"epochs": 1}))
    for ours, theirs in zip(again.get_weights(), first.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_minutes_set_the_epochs_and_timing_leaves_no_trace(frames, tmp_path, monkeypatch):
    clock = iter(np.arange(100) * 2.0)  # every step takes 2 s, every epoch has two
    monkeypatch.setattr(training.time, "perf_counter", lambda: float(next(clock)))
    joint = make_small()
    joint.optimizer.build(joint.trainable_variables)
    before = joint.get_weights()
    stream = batches.make_batches(
        frames,
        partial(augment.augment, recipe=Recipe()),
        batch_size=3,
        crop=(32, 32),
        seed=0,
        with_label=True,
    )
    val_batches = batches.make_whole_batches(frames, batch_size=3, with_label=True)  # two batches: 4 s
    plan = training._plan_epochs(
        joint, tmp_path, stream, val_batches, pass_steps=2, minutes=2, epochs=None, steps=None
    )
    assert plan == {"epochs": 29, "steps": 2, "validations": 2}  # 0.97 * 120 s / 2 s in 58 steps
    assert all((a == b).all() for a, b in zip(before, joint.get_weights(), strict=True))
    assert int(joint.optimizer.iterations) == 0


def test_timing_builds_the_graphs_that_training_uses(frames, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "share_time", lambda *times: {"epochs": 1, "steps": 2, "validations": 1})
    joint, built = make_small(), []
    for name in ("train_step", "test_step"):  # TensorFlow calls them to build a graph, and then no more
        step = getattr(joint, name)
        monkeypatch.setattr(joint, name, lambda *a, step=step, name=name: built.append(name) or step(*a))
    training.fit(joint, tmp_path, frames, **(HOW | {"epochs": None, "val_frames": frames}))
    assert sorted(built) == ["test_step", "train_step"]


def test_epochs_and_their_validations_fill_the_time():
    def share(*times):
        return tuple(training.share_time(*times).values())

    assert share(100, 1, 10, 0) == (10, 10, 10)
    assert share(1000, 1, 10, 5) == (100, 10, 10)  # ten in all
    assert share(1000, 1, 10, 20) == (100, 10, 5)  # a tenth of the time
    assert share(100, 1, 10, 40) == (10, 10, 1)
    assert share(250, 1, 100, 0) == (3, 83, 3)  # two and a half passes
    assert share(5, 1, 10, 0) == (1, 5, 1)  # no time for a whole pass
    assert share(5, 1, 10, 20) == (1, 5, 1)


def test_runs_are_named_by_what_they_rest_on(train_folder, classes, tmp_path, monkeypatch):
    monkeypatch.setattr(record, "RUNS", tmp_path / "runs")
    samples = data.read_samples(train_folder, classes)
    settings = [{"SEED": seed, "MINUTES": 10} for seed in (0, 0, 1)]
    runs = [record.open_run("seg", tmp_path, samples, classes, chosen) for chosen in settings]
    assert runs[0].folder == runs[1].folder != runs[2].folder
    assert runs[0].minutes == pytest.approx(10 * 0.7)
    with pytest.raises(FileNotFoundError, match=r"Train_seg_sem\.ipynb"):
        record.find_run("seg", samples, classes)
    record.write_result(runs[2], {"minutes": 1.0})
    assert record.find_run("seg", samples, classes).folder == runs[2].folder
    record.write_result(runs[0], {"minutes": 1.0})
    for run in runs[1:]:
        assert record.find_run("seg", samples, classes, run.folder.name).folder == run.folder
    with pytest.raises(FileNotFoundError, match=f"RUN must be .*there are .*{runs[2].folder.name}"):
        record.find_run("seg", samples, classes, "seg-gone")


def test_result_grows_and_holds_no_nan(tmp_path):
    run = record.Run(tmp_path, {"kind": "joint", "MINUTES": 1})
    record.write_result(run, {"seed": 3, "scores": {"grouped": {"miou": 0.5, "f1": float("nan")}}})
    record.write_result(run, {"scores": {"test": {"miou": 0.4}}})
    result = record.read_result(run)
    assert result["scores"] == {"grouped": {"miou": 0.5, "f1": None}, "test": {"miou": 0.4}}
    assert result["seed"] == 3
    record.forget_scores(run, "test", "constant")
    assert set(record.read_result(run)["scores"]) == {"grouped"}


def test_average_of_weights_is_what_remains(frames, tmp_path, monkeypatch):
    calls, apply = [], optimizer.AveragingAdamW.apply

    def note(self, grads, trainable_variables):
        calls.append(len(grads))
        apply(self, grads, trainable_variables)

    monkeypatch.setattr(optimizer.AveragingAdamW, "apply", note)
    joint, before = make_small(), make_small().get_weights()
    training.fit(joint, tmp_path, frames, **HOW)
    assert calls  # ours, and not Keras' own, which another version may call by another name
    assert all((ours != theirs).any() for ours, theirs in zip(joint.get_weights(), before, strict=True))
    with zipfile.ZipFile(tmp_path / "model.keras") as file:
        weights = h5py.File(io.BytesIO(file.read("model.weights.h5")))
    assert "layers" in weights and "optimizer" not in weights  # which is three times as large
    own = joint.optimizer
    for variable, average in zip(own._trainable_variables, own._model_variables_moving_average, strict=True):
        if variable.path.startswith("label/"):  # regression gave it other weights afterwards
            continue
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(variable), keras.ops.convert_to_numpy(average)
        )
