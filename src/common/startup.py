"""Sets up the process before TensorFlow and the libraries around it are imported."""

import contextlib
import importlib
import os
import sys

from src.common import cores, memory, progress

QUIET = "3"  # value of TF_CPP_MIN_LOG_LEVEL; with "0" TensorFlow explains why it uses no GPU
MOVED = {  # earlier name of a command -> its verb of `python -m src`
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


def _find_module(arguments: list[str]) -> str:
    """Finds the module that Python was started with, by the first -m; "" for none."""
    if "-m" not in arguments[:-1]:
        return ""
    return arguments[arguments.index("-m") + 1]


def prepare() -> None:
    """Sets up this process; `import src` calls it, so that it runs before everything else."""
    command = _find_module(sys.orig_argv)
    _refuse_old_name(command)
    _set_environment()
    memory.retain_freed()
    progress.replace_letters()
    # The module would report each import to the makers of OpenVINO.
    sys.modules.setdefault("openvino_telemetry", None)
    # nbformat's jsonschema would build a grammar of web addresses, which takes two seconds and is never used.
    sys.modules.setdefault("rfc3987_syntax", None)
    in_notebook = "ipykernel" in sys.modules
    in_own_command = command == "src" or command.startswith("examples.")
    if (in_notebook or in_own_command) and os.environ["TF_CPP_MIN_LOG_LEVEL"] == QUIET:
        progress.silence_libraries()
    if in_notebook:
        import_quietly()


def _refuse_old_name(command: str) -> None:
    """Stops with the new name of a command that has moved."""
    if command not in MOVED:
        return
    message = f"python -m {command} is now python -m src {MOVED[command]}; add --help for its arguments."
    if command == "src.scoring":
        message = "python -m src.scoring is now python -m src score, and its bundle is python -m src bundle."
    print(message, file=sys.stderr)
    sys.exit(2)


def _set_environment() -> None:
    """Sets environment variables of TensorFlow and segmentation-models that the user has not set."""
    # Without this, segmentation-models would import the stand-alone Keras.
    os.environ.setdefault("SM_FRAMEWORK", "tf.keras")
    # TensorFlow turns oneDNN off on processors without AVX-512; with oneDNN it is 1.5 times faster.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", QUIET)
    # TensorFlow counts the processors of the affinity, but does not read a container's quota.
    if cores.count_cores() < cores.count_allowed():
        for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
            os.environ.setdefault(name, str(cores.count_cores()))


def import_quietly() -> None:
    """Imports TensorFlow and the libraries on top of it, without what they print and warn about."""
    with contextlib.redirect_stdout(None):
        # This imports TensorFlow, and prints the name of its framework.
        importlib.import_module("segmentation_models")
    progress.silence_loggers()
