"""Shared helpers of the notebooks; this file sets what must be set before TensorFlow is imported."""

import os

os.environ.setdefault("SM_FRAMEWORK", "tf.keras")  # segmentation-models asks for stand-alone Keras otherwise
os.environ.setdefault(
    "TF_ENABLE_ONEDNN_OPTS", "1"
)  # off by default without AVX-512; 1.5 times faster with it
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # the start-up notes would bury the progress bars
