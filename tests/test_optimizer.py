import keras
import numpy as np
import pytest

from src.training import optimizer


def make(backbone_rate=1.0, decay=0.0):
    return optimizer.AveragingAdamW(backbone_rate, learning_rate=0.1, weight_decay=decay, clipnorm=5.0)


def test_rate_warms_up_and_falls():
    """Warms up from 1/5 to 1 in five steps; half way down after 47.5 of the other 95 steps."""
    schedule = optimizer.make_schedule(100, 1.0, 0.3)
    rates = [float(schedule(step)) for step in range(100)]
    assert rates[:6] == pytest.approx([0.2, 0.36, 0.52, 0.68, 0.84, 1.0])
    assert rates[5:] == sorted(rates[5:], reverse=True)
    assert rates[-1] == pytest.approx(0.3, abs=1e-3)
    assert rates[52] == pytest.approx(0.65, abs=0.01)


def test_a_training_of_one_step_has_a_rate():
    assert float(optimizer.make_schedule(1, 1.0, 0.3)(0)) == 1.0


def test_a_keras_that_renamed_its_parts_is_named(monkeypatch):
    monkeypatch.setattr(optimizer, "KERAS_PARTS", ("_momentums", "_renamed"))
    with pytest.raises(ImportError, match=r"found 3\..*, which lacks _renamed; run: pip install"):
        make().build([keras.Variable(0.0)])


def test_weights_move_as_by_keras_own():
    """With gradients that are clipped (norm above 5) and others, with and without decay."""
    rng = np.random.default_rng(0)
    first = [rng.normal(size=(3, 4)).astype("float32"), rng.normal(size=5).astype("float32")]
    steps = [[size * rng.normal(size=value.shape) for value in first] for size in (0.1, 1, 10, 0, 0.01)]
    found = []
    how = {"learning_rate": 0.1, "weight_decay": 0.5, "clipnorm": 5.0}
    for own in (keras.optimizers.AdamW(**how), make(decay=0.5)):
        weights = [keras.Variable(first[0], name="kernel"), keras.Variable(first[1], name="bias")]
        own.exclude_from_weight_decay(var_names=["bias"])
        own.build(weights)
        for gradients in steps:
            own.apply([keras.ops.convert_to_tensor(one, "float32") for one in gradients], weights)
        found.append([keras.ops.convert_to_numpy(weight) for weight in weights])
        assert int(own.iterations) == len(steps)
    for ours, theirs, before in zip(found[1], found[0], first, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
        assert (np.abs(ours - before) > 1e-3).all()


def test_the_backbone_moves_slowly_whatever_the_order():
    """Adam's first step is the learning rate, 0.1, against the gradient's sign."""
    own = make(backbone_rate=0.2)
    weights = [keras.Variable(1.0, name="stem_conv"), keras.Variable(1.0, name="label")]
    own.build(weights)
    gradients = [keras.ops.convert_to_tensor(value) for value in (3.0, -0.5)]
    own.apply(gradients[::-1], weights[::-1])
    assert [float(weight) for weight in weights] == pytest.approx([1 - 0.2 * 0.1, 1 + 0.1], abs=1e-4)


def test_weights_are_averaged_over_the_last_ninth():
    """Of a weight that grows by one a step from 1 on: 1, 1 + 9/10, then + 9/11 of what is still missing."""
    own, weight = make(), keras.Variable(0.0)
    own.build([weight])
    averages = []
    for step in range(300):
        weight.assign(step + 1.0)
        own.apply([keras.ops.zeros(())], [weight])  # moves nothing
        averages.append(float(own._model_variables_moving_average[0]))
    np.testing.assert_allclose(averages[:3], [1, 1.9, 1.9 + 9 / 11 * 1.1], rtol=1e-5)
    assert averages[-1] == pytest.approx(300 * 9 / 10, rel=0.01)
