"""Shared helpers of the notebooks; this file sets what must be set before others are imported."""

import contextlib
import importlib
import io
import os
import sys

from src import cores, memory, progress

os.environ.setdefault("SM_FRAMEWORK", "tf.keras")  # segmentation-models asks for stand-alone Keras otherwise
# off by default without AVX-512; 1.5 times faster with it
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
QUIET = "3"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", QUIET)  # 0 tells why a GPU is not used

if cores.count_cores() < cores.count_allowed():  # TensorFlow sees affinity, but no container's quota
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(name, str(cores.count_cores()))

memory.keep_freed()
progress.replace_letters()

if isinstance(sys.stdout, io.TextIOWrapper):  # a letter that the terminal cannot show becomes a question mark
    sys.stdout.reconfigure(errors="replace")

sys.modules.setdefault("openvino_telemetry", None)  # it would report each import to OpenVINO's maker

IMPORTING = ("src.report", "src.results", "src.submission", "src.sweep", "src.benchmark")  # a network's code
notebook = "ipykernel" in sys.modules
# what follows -m, as in `python -m src.run`
command = dict(zip(sys.orig_argv, sys.orig_argv[1:], strict=False)).get("-m", "")

if (notebook or command.startswith(("src.", "examples."))) and os.environ["TF_CPP_MIN_LOG_LEVEL"] == QUIET:
    progress.silence_libraries()
if notebook or command in IMPORTING:
    with contextlib.redirect_stdout(None):
        importlib.import_module("segmentation_models")  # it tells its framework, and imports TensorFlow
    progress.silence_loggers()
