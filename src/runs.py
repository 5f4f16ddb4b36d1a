"""A run and its folder: settings, result, and what they were made with."""

import hashlib
import json
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pandas as pd

from src.common import files
from src.common.cores import count_cores
from src.common.errors import MissingError
from src.common.files import find_commit
from src.data.classes import Classes
from src.data.samples import fingerprint_data

RUNS = Path("runs")
OLD_KEYS = {"grouped": "held_out", "grouped_segmenter": "held_out_segmenter", "JUDGED": "HOLDS_OUT"}
NOTEBOOKS = {"seg": "Train_seg_sem.ipynb", "joint": "Train_label_seg.ipynb"}  # by kind of run


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
        "data_fingerprint": fingerprint_data(samples, classes),
    }
    text = json.dumps(settings, indent=2)
    run = Run(RUNS / f"{kind}-{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}", json.loads(text))
    run.figures.mkdir(parents=True, exist_ok=True)
    files.write_atomically(run.folder / "settings.json", lambda path: path.write_text(text, encoding="utf-8"))
    record_training(run)
    return run


def open_known(folder: Path) -> Run:
    """Opens a run by its folder, as it was left."""
    return Run(folder, read_json(folder / "settings.json"))


def find_run(kind: str, samples: pd.DataFrame, classes: Classes, name: str = "") -> Run:
    """Finds a finished run of a kind on these data: by its name, or the one that was opened last.

    Where that is passed over a newer one that has not ended, a line says so.

    Args:
        kind: "seg" or "joint".
        samples: table of the Train frames.
        classes: of both tasks.
        name: of the run's folder, as "joint-world-1a2b3c4d"; "": the last.

    Raises:
        MissingError: there is none; the message names the notebook to run, or the runs that there are.
    """
    fingerprint = fingerprint_data(samples, classes)
    runs = [run for run in _list_runs(kind, fingerprint) if is_finished(run)]
    if not runs:
        raise MissingError(
            f"No finished training on these data lies in {RUNS}/; run {NOTEBOOKS[kind]} first."
        )
    wanted = Path(name).name or runs[0].folder.name
    found = next((run for run in runs if run.folder.name == wanted), None)
    if found is None:
        known = ", ".join(run.folder.name for run in runs)
        raise MissingError(f"RUN must be a finished run on these data, found '{name}'; there are {known}.")
    words = "" if name else _describe_newer(found, fingerprint)
    if words:
        print(words)
    return found


def _list_runs(kind: str, fingerprint: str) -> list[Run]:
    """Lists the runs of a kind on some data, finished or not, the one that was opened last first."""
    folders = [path.parent for path in RUNS.glob(f"{kind}-*/settings.json")]
    runs = [open_known(folder) for folder in sorted(folders, key=_read_opening_time, reverse=True)]
    return [run for run in runs if run.settings["data_fingerprint"] == fingerprint]


def _read_opening_time(folder: Path) -> float:
    """Tells when a run was opened last, in seconds: its settings are written then."""
    return (folder / "settings.json").stat().st_mtime


def is_finished(run: Run) -> bool:
    """Tells whether all trainings of a run have ended."""
    return (run.folder / "result.json").exists() and "minutes" in read_result(run)


def _describe_newer(found: Run, fingerprint: str) -> str:
    """Says which newer run is not used, how it differs, and what to do; "" where there is none."""
    newer = _find_newer(found, fingerprint)
    if newer is None:
        return ""
    own, other = _gather_settings(found), _gather_settings(newer)
    names = [name for name in other if name in own and own[name] != other[name]]
    differing = f" (other {', '.join(names)})" if names else ""
    ended = is_finished(newer)
    state = "has no joint network yet" if ended else "has not ended"
    steps = [NOTEBOOKS["joint"]]
    if newer.settings["kind"] == "seg" and not ended:
        steps.insert(0, NOTEBOOKS["seg"])
    notebooks = " and ".join(steps if found.settings["kind"] == "joint" else steps[:1])
    return (
        f"{found.folder} is used, the last finished run on these data; {newer.folder} is newer{differing} "
        f"but {state}: to use it, run {notebooks} again first."
    )


def _find_newer(found: Run, fingerprint: str) -> Run | None:
    """Finds the run that was opened last, if that was after a finished one and it is none of its own."""
    kinds = ("seg", "joint") if found.settings["kind"] == "joint" else ("seg",)
    runs = [run for kind in kinds for run in _list_runs(kind, fingerprint)]
    own = (found.folder.name, found.settings.get("SEGMENTER"))
    opened = _read_opening_time(found.folder)
    newer = [run for run in runs if run.folder.name not in own and _read_opening_time(run.folder) > opened]
    return max(newer, key=lambda run: _read_opening_time(run.folder), default=None)


def _gather_settings(run: Run) -> dict:
    """Gathers what the user set for a run, and for the segmentation network that it starts from."""
    earlier = run.folder.parent / run.settings.get("SEGMENTER", "")
    path = earlier / "settings.json"
    first = open_known(earlier).settings if "SEGMENTER" in run.settings and path.exists() else {}
    return {
        name: value
        for name, value in (first | run.settings).items()
        if name.isupper() and name != "SEGMENTER"
    }


def write_result(run: Run, result: dict) -> None:
    """Writes or updates the run's `result.json`: settings, scores, minutes, and what they were made with.

    `commit`, `machine` and `versions` are those of the training; `made_by` holds the same of each split whose
    scores or confusion came or changed since.
    """
    path = run.folder / "result.json"
    known = read_result(run) if path.exists() else {}
    result = files.replace_nan(result)
    made_with = describe_provenance()
    parts = {
        split: made_with
        for kind in ("scores", "confusion")
        for split, value in result.get(kind, {}).items()
        if known.get(kind, {}).get(split) != value
    }
    whole = made_with | known | result | {"settings": run.settings}
    for kind in ("scores", "confusion"):
        whole[kind] = known.get(kind, {}) | result.get(kind, {})
    whole["made_by"] = known.get("made_by", {}) | parts
    files.write_json(path, whole)


def describe_provenance() -> dict:
    """Names the code, the machine and the libraries that make a result now."""
    return {"commit": find_commit(), "machine": describe_machine(), "versions": list_versions()}


def record_training(run: Run) -> None:
    """Notes which code and machine train; where a training goes on by other code, that is added."""
    known = read_result(run) if (run.folder / "result.json").exists() else {}
    commit, now = known.get("commit", find_commit()), find_commit()
    if "minutes" not in known and now not in commit.split(" and "):
        commit = f"{commit} and {now}"
    write_result(run, {"commit": commit})


def read_result(run: Run) -> dict:
    """Reads the run's `result.json`."""
    return read_json(run.folder / "result.json")


def read_json(path: Path) -> object:
    """Reads a file of settings or scores; keys that earlier versions wrote get today's names."""
    return _rename_keys(json.loads(path.read_text(encoding="utf-8")))


def _rename_keys(content: object) -> object:
    """Gives the keys of OLD_KEYS their new names, at any depth."""
    if isinstance(content, list):
        return [_rename_keys(item) for item in content]
    if isinstance(content, dict):
        return {OLD_KEYS.get(key, key): _rename_keys(value) for key, value in content.items()}
    return content


def read_finished(folder: Path) -> dict:
    """Reads the `result.json` of a joint run by its folder.

    Raises:
        MissingError: there is no such run, or its training has not ended.
    """
    path = folder / "result.json"
    result = read_json(path) if path.exists() else {}
    if "minutes" not in result or "SEGMENTER" not in result["settings"]:
        raise MissingError(
            f"{folder} must be the folder of a finished joint run, as runs/joint-..., found "
            f"{'none that is' if path.exists() else 'no result.json'}; run Train_label_seg.ipynb first."
        )
    return result


def drop_scores(run: Run, *splits: str) -> None:
    """Drops scores and confusion matrices of splits from `result.json`, when their zip is replaced."""
    path, result = run.folder / "result.json", read_result(run)
    for part in (result["scores"], result["confusion"], result.get("made_by", {})):
        for split in splits:
            part.pop(split, None)
    files.write_json(path, result)


def describe_machine() -> str:
    """Says in a few words what the numbers were made on."""
    import tensorflow as tf  # here, for it takes seconds, and tables and reports need it not

    gpus = len(tf.config.list_physical_devices("GPU"))
    return f"{count_cores()} cores {platform.machine()}, {gpus or 'no'} GPU, {platform.system()}"


def list_versions() -> dict[str, str]:
    """Lists the versions of what decides a result."""
    names = ("tensorflow", "keras")
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in names}
