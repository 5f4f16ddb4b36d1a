import io
import pickle
from collections import OrderedDict

import cv2
import numpy as np
import pytest
import segmentation_models as sm
from sklearn.datasets import load_sample_image

from src.model import efficientnet_lite, torch_file


@pytest.mark.parametrize("name", efficientnet_lite.VARIANTS)
def test_classifier_sees_a_temple(name):
    pytest.importorskip(efficientnet_lite.VARIANTS[name].package)
    network = efficientnet_lite.build_efficientnet_lite((224, 224, 3), include_top=True, name=name)
    photo = cv2.resize(load_sample_image("china.jpg"), (224, 224), interpolation=cv2.INTER_AREA)
    logits = network.predict(efficientnet_lite.preprocess_input(photo[None].astype("float32")), verbose=0)
    assert logits.shape == (1, 1000)
    assert logits.argmax() in (442, 698)  # bell cote, palace


def test_registered_with_segmentation_models():
    unet = sm.Unet(
        efficientnet_lite.NAME, classes=4, encoder_weights="imagenet", decoder_filters=(8, 8, 8, 8)
    )
    tensors = torch_file.read_torch_weights(
        efficientnet_lite.find_weights(), efficientnet_lite.VARIANTS[efficientnet_lite.NAME].sha256
    )
    stem = unet.get_layer("stem").get_weights()[0]  # (h, w, in, out)
    np.testing.assert_array_equal(stem[1, 2, 0], tensors["_conv_stem.weight"][:, 0, 1, 2])


def test_unpickler_refuses_what_is_no_tensor():
    content = pickle.dumps(OrderedDict(harm=print))
    with pytest.raises(pickle.UnpicklingError, match=r"builtins\.print"):
        torch_file._Unpickler(io.BytesIO(content), {}).load()


def test_other_content_is_refused(tmp_path):
    (tmp_path / "weights.pth").write_bytes(b"something else")
    with pytest.raises(ValueError, match="SHA-256"):
        torch_file.read_torch_weights(
            tmp_path / "weights.pth", efficientnet_lite.VARIANTS[efficientnet_lite.NAME].sha256
        )
