"""A run and its folder: settings, result, and what they were made with."""

import hashlib
import json
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

import keras
import pandas as pd
import tensorflow as tf

from src import data, files, lengths
from src.classes import Classes
from src.cores import count_cores

RUNS = Path("runs")


@dataclass(frozen=True)
class Run:
    """A folder under `runs/`, named after what was trained on which data with which settings.

    Attributes:
        folder: where weights, history, settings, figures and `result.json` lie.
        settings: what the notebook's settings cell said, and the data's name and fingerprint.
    """

    folder: Path
    settings: dict

    @property
    def minutes(self) -> float | None:
        """Minutes that are wished for each training of this run at most; None where there is no wish.

        MINUTES are shared by the trainings of both notebooks: of what is submitted and, with an estimate, of
        what is judged by.
        """
        wish = self.settings["MINUTES"]
        trainings = 2 if self.settings["JUDGED"] else 1
        return None if wish is None else wish * lengths.SHARES[self.settings["kind"]] / trainings

    @property
    def figures(self) -> Path:
        """Folder of the run's figures."""
        return self.folder / "figures"


def open_run(kind: str, folder: str | Path, samples: pd.DataFrame, classes: Classes, settings: dict) -> Run:
    """Opens the run of these data and settings: a new folder, or the one of an earlier start with equal ones.

    Args:
        kind: "seg" or "joint".
        folder: data folder; its name names the data.
        samples: table of the Train frames.
        classes: of both tasks.
        settings: what a change of should start another run.
    """
    name = Path(folder).resolve().name
    settings = settings | {
        "kind": kind,
        "data": name,
        "data_fingerprint": data.fingerprint_data(samples, classes),
    }
    text = json.dumps(settings, indent=2)
    run = Run(RUNS / f"{kind}-{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}", json.loads(text))
    run.figures.mkdir(parents=True, exist_ok=True)
    files.write_atomically(run.folder / "settings.json", lambda path: path.write_text(text, encoding="utf-8"))
    write_result(run, {})  # notes now which code and machine train
    return run


def open_known(folder: Path) -> Run:
    """Opens a run by its folder, as it was left."""
    return Run(folder, json.loads((folder / "settings.json").read_text(encoding="utf-8")))


def find_run(kind: str, samples: pd.DataFrame, classes: Classes, name: str = "") -> Run:
    """Finds a finished run of a kind on these data: by its name, or the one that was opened last.

    Args:
        kind: "seg" or "joint".
        samples: table of the Train frames.
        classes: of both tasks.
        name: of the run's folder, as "joint-world-1a2b3c4d"; "": the last.

    Raises:
        FileNotFoundError: there is none; the message names the notebook to run, or the runs that there are.
    """
    notebook = {"seg": "Train_seg_sem.ipynb", "joint": "Train_label_seg.ipynb"}[kind]
    fingerprint = data.fingerprint_data(samples, classes)
    paths = sorted(RUNS.glob(f"{kind}-*/settings.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    runs = [open_known(path.parent) for path in paths if (path.parent / "result.json").exists()]
    runs = [run for run in runs if run.settings["data_fingerprint"] == fingerprint]
    runs = [run for run in runs if "minutes" in read_result(run)]
    if not runs:
        raise FileNotFoundError(f"No finished training on these data lies in {RUNS}/; run {notebook} first.")
    wanted = Path(name).name or runs[0].folder.name
    found = next((run for run in runs if run.folder.name == wanted), None)
    if found is None:
        known = ", ".join(run.folder.name for run in runs)
        raise FileNotFoundError(
            f"RUN must be a finished run on these data, found '{name}'; there are {known}."
        )
    return found


def write_result(run: Run, result: dict) -> None:
    """Writes or updates the run's `result.json`: settings, scores, minutes, and what they were made with."""
    path = run.folder / "result.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    scores = known.get("scores", {}) | result.get("scores", {})
    confusion = known.get("confusion", {}) | result.get("confusion", {})
    made_with = {"commit": find_commit(), "machine": describe_machine(), "versions": list_versions()}
    whole = made_with | known | result | {"scores": scores, "confusion": confusion, "settings": run.settings}
    files.write_json(path, whole)


def read_result(run: Run) -> dict:
    """Reads the run's `result.json`."""
    return json.loads((run.folder / "result.json").read_text(encoding="utf-8"))


def read_finished(folder: Path) -> dict:
    """Reads the `result.json` of a joint run by its folder.

    Raises:
        FileNotFoundError: there is no such run, or its training has not ended.
    """
    path = folder / "result.json"
    result = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if "minutes" not in result or "SEGMENTER" not in result["settings"]:
        raise FileNotFoundError(
            f"{folder} must be the folder of a finished joint run, as runs/joint-..., found "
            f"{'none that is' if path.exists() else 'no result.json'}; run Train_label_seg.ipynb first."
        )
    return result


def forget_scores(run: Run, *splits: str) -> None:
    """Drops scores and confusion matrices of splits from `result.json`, when their zip is replaced."""
    path, result = run.folder / "result.json", read_result(run)
    for part in (result["scores"], result["confusion"]):
        for split in splits:
            part.pop(split, None)
    files.write_json(path, result)


def find_commit() -> str:
    """Names the git commit that is checked out, or "unknown" outside a checkout.

    "-dirty" is added where files differ from it, but for `results/`, which is written while it measures.
    """
    try:
        commit, changed = (
            subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout.strip()
            for words in (
                ("rev-parse", "--short", "HEAD"),
                ("status", "--porcelain", "--untracked-files=no", ":/", ":(top,exclude)results"),
            )
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + ("-dirty" if changed else "")


def describe_machine() -> str:
    """Says in a few words what the numbers were made on."""
    gpus = len(tf.config.list_physical_devices("GPU"))
    return f"{count_cores()} cores {platform.machine()}, {gpus or 'no'} GPU, {platform.system()}"


def list_versions() -> dict[str, str]:
    """Lists the versions of what decides a result."""
    return {"python": platform.python_version(), "tensorflow": tf.__version__, "keras": keras.__version__}
