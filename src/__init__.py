"""Shared helpers of the notebooks; this file sets what must be set before others are imported."""

import contextlib
import importlib
import io
import os
import sys

from src import memory

os.environ.setdefault("SM_FRAMEWORK", "tf.keras")  # segmentation-models asks for stand-alone Keras otherwise
# off by default without AVX-512; 1.5 times faster with it
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # 0 tells why a GPU is not used

memory.keep_freed()

if isinstance(sys.stdout, io.TextIOWrapper):  # a letter that the terminal cannot show becomes a question mark
    sys.stdout.reconfigure(errors="replace")

sys.modules.setdefault("openvino_telemetry", None)  # it would report each import to OpenVINO's maker

# notebooks and commands of one line's answer would show start-up notes, which no level turns off
if "ipykernel" in sys.modules or {"src.report", "src.results", "src.submission"} & set(sys.orig_argv):
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        with contextlib.redirect_stdout(None):
            importlib.import_module("segmentation_models")  # and with it TensorFlow
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
