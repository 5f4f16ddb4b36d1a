"""What must be set before TensorFlow and the libraries around it are imported."""

import contextlib
import importlib
import os
import sys

from src.common import cores, memory, progress

QUIET = "3"  # of TF_CPP_MIN_LOG_LEVEL; 0 tells why a GPU is not used
MOVED = {  # how commands were called before -> the verb of `python -m src`
    "src.benchmark": "benchmark",
    "src.doctor": "doctor",
    "src.report": "report",
    "src.results": "results",
    "src.run": "run",
    "src.scoring": "score",
    "src.submission": "check",
    "src.sweep": "sweep",
    "src.world": "world",
}


def prepare() -> None:
    """Sets up this process; `import src` calls it, so that it comes before all else."""
    command = dict(zip(sys.orig_argv, sys.orig_argv[1:], strict=False)).get("-m", "")
    _refuse_old_name(command)
    _set_environment()
    memory.retain_freed()
    progress.replace_letters()
    sys.modules.setdefault("openvino_telemetry", None)  # it would report each import to OpenVINO's maker
    in_notebook = "ipykernel" in sys.modules
    of_ours = command == "src" or command.startswith("examples.")
    if (in_notebook or of_ours) and os.environ["TF_CPP_MIN_LOG_LEVEL"] == QUIET:
        progress.silence_libraries()
    if in_notebook:
        import_quietly()


def _refuse_old_name(command: str) -> None:
    """Says which verb took the place of a command that has moved."""
    if command in MOVED:
        words = f"python -m {command} is now python -m src {MOVED[command]}; add --help for what it takes."
        if command == "src.scoring":
            words = (
                "python -m src.scoring is now python -m src score, and its bundle is python -m src bundle."
            )
        print(words, file=sys.stderr)
        sys.exit(2)


def _set_environment() -> None:
    """Sets what TensorFlow and segmentation-models read from the environment, where the user set nothing."""
    os.environ.setdefault("SM_FRAMEWORK", "tf.keras")  # segmentation-models asks for stand-alone Keras else
    # off by default without AVX-512; 1.5 times faster with it
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", QUIET)
    if cores.count_cores() < cores.count_allowed():  # TensorFlow sees affinity, but no container's quota
        for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
            os.environ.setdefault(name, str(cores.count_cores()))


def import_quietly() -> None:
    """Imports TensorFlow and what stands on it, without what they print and warn of on their way."""
    with contextlib.redirect_stdout(None):
        importlib.import_module("segmentation_models")  # it tells its framework, and imports TensorFlow
    progress.silence_loggers()
