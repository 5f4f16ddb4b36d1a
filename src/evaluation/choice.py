"""Chooses the frames to label next: those that the network is unsure of, unlike each other."""

import keras
import numpy as np
import pandas as pd
from keras import layers
from sklearn.cluster import KMeans

from src.data.classes import Classes
from src.data.frames import load_frames
from src.model import replicas, unet


def choose_frames(features: np.ndarray, expected: np.ndarray, count: int) -> np.ndarray:
    """Chooses frames by clusters of their features, in which an uncertain frame weighs more.

    Source: Prabhu et al. 2021, Active Domain Adaptation via Clustering Uncertainty-weighted Embeddings.

    Args:
        features: float (frames, channels), of `measure_features`.
        expected: float (frames,), 0 to 1, as `predict.Prediction.expected_miou`; 1 is certain.
        count: of clusters, 1 to the number of frames; the frame closest to the centre of each is chosen.

    Returns:
        Row positions, int64: `count`, or fewer where there are not so many different frames. The cluster of
        the largest uncertainty in all comes first.
    """
    count = min(count, len(np.unique(features, axis=0)))
    weights = np.maximum(1 - expected, 1e-6)  # a cluster that weighs nothing would have no centre
    clusters = KMeans(count, n_init=10, random_state=0).fit(features, sample_weight=weights)
    distances = clusters.transform(features).min(1)
    table = pd.DataFrame({"cluster": clusters.labels_, "distance": distances, "weight": weights})
    groups = table.groupby("cluster")
    closest = groups["distance"].idxmin()
    return closest[groups["weight"].sum().sort_values(ascending=False).index].to_numpy()


def measure_features(
    network: keras.Model, samples: pd.DataFrame, classes: Classes, size: tuple[int, int]
) -> np.ndarray:
    """Measures the mean over each frame of the backbone's deepest feature.

    Args:
        network: of `unet.build_segmenter` or `unet.build_joint`.
        samples: table of `samples.read_samples`.
        classes: of both tasks.
        size: (height, width) of the network's input for landscape photos; turned for portrait ones.

    Returns:
        float32 (frames, channels).
    """
    encoder = _make_encoder(replicas.gather(network))
    depth = unet.read_depth_unit(network) if (samples["depth"] != "").any() else 0.0
    frames = load_frames(samples, classes, size, depth)
    missing = network.input_shape[-1] - frames.channels  # a network that uses depth takes photos without it
    features = []
    for row in range(len(frames)):
        image = np.pad(frames.get_input(row), ((0, 0), (0, 0), (0, missing)))
        features.append(encoder.predict_on_batch(image[None])[0])
    return np.stack(features)


def _make_encoder(network: keras.Model) -> keras.Model:
    """Makes the part of a network from the photo to the mean of the backbone's deepest feature."""
    whole, deepest = unet.find_unet(network)
    image = layers.Input(network.input_shape[1:], name="image")
    feature = keras.Model(whole.input, deepest)(network.get_layer("scale_colors")(image))
    return keras.Model(image, layers.GlobalAveragePooling2D()(feature), name="encoder")
