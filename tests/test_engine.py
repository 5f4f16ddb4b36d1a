import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from scipy.special import softmax
from tiny import TINY

from src.data.samples import read_samples
from src.inference import engine, predict
from src.model import colors, unet
from src.settings import Recipe
from src.training.compiled import build_seeded


@pytest.fixture(scope="module", params=[TINY])
def network(request):
    """A joint network with random weights whose moving moments are no longer the first ones."""
    recipe = request.param
    joint = build_seeded(0, lambda: unet.build_joint(unet.build_segmenter(5, recipe), 3))
    rng = np.random.default_rng(0)
    kernel, bias = joint.get_layer("label_from_features").get_weights()
    joint.get_layer("label_from_features").set_weights([rng.normal(size=kernel.shape), bias])
    joint(rng.integers(0, 256, (4, 64, 96, 3), np.uint8), training=True)
    return joint


@pytest.fixture(scope="module")
def photos():
    return np.random.default_rng(1).integers(0, 256, (6, 64, 96, 3), np.uint8)


@pytest.mark.parametrize("network", [Recipe(weights="none")], indirect=True)
def test_the_exported_network_answers_as_keras_does(network, photos, tmp_path):
    path = engine.export(network, tmp_path / "export", {"classes": ["ground", "red"]})
    whole, half = (path.with_name(name).with_suffix(".bin") for name in (engine.EXPORTED, engine.HALF))
    assert 0.49 < half.stat().st_size / whole.stat().st_size < 0.52
    exported = engine.Engine(path)
    assert exported.channels == 3 and exported.depth == 0
    assert exported.graph.get_rt_info([engine.KEY, "classes"]).astype(str) == '["ground", "red"]'
    by_keras = engine.KerasPredictor(network)
    equal = []
    for photo in (*photos, np.ascontiguousarray(photos[0].swapaxes(0, 1))):  # the last one stands
        ours, theirs = (predict.predict_image(one, photo, tta=True) for one in (exported, by_keras))
        np.testing.assert_allclose(ours[0], theirs[0], atol=1e-4)
        np.testing.assert_allclose(ours[1], theirs[1], atol=1e-4)
        equal.append((ours[0].argmax(-1) == theirs[0].argmax(-1)).mean())
    assert np.mean(equal) >= 0.999
    halved = engine.Engine(path.with_name(engine.HALF), exact=False).predict(photos[0])["mask"]
    assert (halved.argmax(-1) == exported.predict(photos[0])["mask"].argmax(-1)).mean() > 0.97


def test_threads_get_their_own_answers(network, photos):
    compiled = engine.Engine(engine.convert(network))
    alone = [compiled.predict(photo)["mask"] for photo in photos]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            for ours, theirs in zip(pool.map(compiled.predict, photos), alone, strict=True):
                np.testing.assert_allclose(ours["mask"], theirs, atol=1e-6)


def test_a_network_without_labels_gives_masks_alone(photos):
    segmenter = unet.build_segmenter(5, TINY)
    mask, label = predict.predict_image(engine.prepare(segmenter), photos[0], tta=False)
    assert label is None and mask.shape == (64, 96, 5)
    np.testing.assert_allclose(mask.sum(-1), 1, rtol=1e-4)


def test_a_run_without_export_is_opened_from_its_weights(network, photos, tmp_path):
    (tmp_path / "final").mkdir()
    network.save(tmp_path / "final" / "model.keras")
    opened = engine.open_exported(tmp_path)
    engine.export(network, tmp_path / "export", {})
    exported = engine.open_exported(tmp_path)
    ours, theirs = (one.predict(photos[0])["mask"] for one in (opened, exported))
    np.testing.assert_allclose(ours, theirs, atol=0.05 if engine.has_bfloat16() else 1e-5)


def test_several_networks_answer_with_their_mean_probabilities(photos, tmp_path):
    networks = []
    for number in (1, 2):
        network = build_seeded(number, lambda: unet.build_joint(unet.build_segmenter(5, TINY), 3))
        (tmp_path / unet.name_part(number)).mkdir()
        network.save(tmp_path / unet.name_part(number) / "model.keras")
        networks.append(network)
    apart = [network(photos[:1]) for network in networks]
    again = unet.load_submitted(tmp_path)
    for predictor in (
        engine.KerasPredictor(unet.average_networks(networks)),
        engine.Engine(engine.convert(again)),
    ):
        together = predictor.predict(photos[0])
        for name in ("mask", "label"):
            mean = np.mean([softmax(logits[name][0], -1) for logits in apart], 0)
            np.testing.assert_allclose(together[name], mean, atol=1e-5)
    assert unet.average_networks(networks[:1]) is networks[0]


def test_an_average_knows_the_unit_of_its_networks_depth():
    networks = []
    for _ in range(2):
        image = keras.Input((None, None, 4))
        scaled = colors.make_scaling(TINY.backbone, depth=0.001)(image)
        mask = keras.layers.Activation("linear", name="mask")(scaled)
        networks.append(keras.Model(image, {"mask": mask}))
    assert colors.read_depth_unit(unet.average_networks(networks)) == 0.001


def test_predictions_come_in_order_and_stop_when_nobody_asks(network, train_folder, classes):
    samples = read_samples(train_folder, classes)
    compiled = engine.Engine(engine.convert(network))
    whole = list(predict.predict_samples(compiled, samples, (64, 96)))
    rest = list(predict.predict_samples(compiled, samples, (64, 96), skip=4))
    for ours, theirs in zip(rest, whole[4:], strict=True):
        assert (ours.mask == theirs.mask).all() and ours.label == theirs.label
    stream = predict.predict_samples(compiled, samples, (64, 96))
    assert (next(stream).mask == whole[0].mask).all()
    stream.close()


FIRST_IN_FOUR_THREADS = """
import os, sys, threading
import numpy as np
from src.inference import engine
import openvino as ov
sys.setswitchinterval(1e-6)
gate = threading.Barrier(4)
def first():
    gate.wait()
    ov.Tensor(np.zeros(1, ov.Type(np.uint8).to_dtype())).data.sum()
threads = [threading.Thread(target=first, daemon=True) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join(30) for thread in threads]
print("waiting", any(thread.is_alive() for thread in threads))
print("telemetry", sys.modules.get("openvino_telemetry") is not None, flush=True)
os._exit(0)
"""


def test_threads_that_are_the_first_to_ask_do_not_wait_and_nothing_is_reported_to_openvinos_maker():
    done = subprocess.run([sys.executable, "-c", FIRST_IN_FOUR_THREADS], capture_output=True, text=True)
    assert done.stdout.splitlines()[-2:] == ["waiting False", "telemetry False"], done.stderr[-500:]
