"""A run and its folder: settings, result, and the code and machine that made them."""

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
from src.scores import RunResult

RUNS = Path("runs")
# Keys of earlier versions -> the keys of today.
OLD_KEYS = {"grouped": "held_out", "grouped_segmenter": "held_out_segmenter", "JUDGED": "HOLDS_OUT"}
NOTEBOOKS = {"seg": "Train_seg_sem.ipynb", "joint": "Train_label_seg.ipynb"}  # by kind of run


@dataclass(frozen=True)
class Run:
    """A folder under `runs/`, named after its kind, its data and a hash of its settings.

    Attributes:
        folder: holds weights, history, settings, figures and `result.json`.
        settings: values of the notebook's settings cell, and name and fingerprint of the data.
    """

    folder: Path
    settings: dict

    @property
    def figures(self) -> Path:
        """Folder of the run's figures."""
        return self.folder / "figures"


def open_run(kind: str, folder: str | Path, samples: pd.DataFrame, classes: Classes, settings: dict) -> Run:
    """Opens the run of these data and settings; an earlier start with equal ones has the same folder.

    Args:
        kind: "seg" or "joint".
        folder: data folder; its name names the data.
        samples: table of the Train frames.
        classes: of both tasks.
        settings: values that name the run; a change of any of them starts another run.
    """
    name = Path(folder).resolve().name
    settings = {
        **settings,
        "kind": kind,
        "data": name,
        "data_fingerprint": fingerprint_data(samples, classes),
    }
    text = json.dumps(settings, indent=2)
    digits = hashlib.sha256(text.encode()).hexdigest()[:8]
    run = Run(RUNS / f"{kind}-{name}-{digits}", json.loads(text))
    run.figures.mkdir(parents=True, exist_ok=True)
    files.write_atomically(run.folder / "settings.json", lambda path: path.write_text(text, encoding="utf-8"))
    record_training(run)
    return run


def read_run(folder: Path) -> Run:
    """Reads a run from its folder, without a change to it."""
    return Run(folder, read_json(folder / "settings.json"))


def find_run(kind: str, samples: pd.DataFrame, classes: Classes, name: str = "") -> Run:
    """Finds a finished run of a kind on these data: by its name, or the one that was opened last.

    Without a name, it prints a line if there is a newer run that has not ended.

    Args:
        kind: "seg" or "joint".
        samples: table of the Train frames.
        classes: of both tasks.
        name: of the run's folder, as "joint-world-1a2b3c4d"; "" for the last one.

    Raises:
        MissingError: there is none; the message names the notebook to run, or the existing runs.
    """
    fingerprint = fingerprint_data(samples, classes)
    runs = [run for run in _list_runs(kind, fingerprint) if is_finished(run)]
    if not runs:
        raise MissingError(
            f"{RUNS}/ must hold a finished {kind} run on these data, found none; run {NOTEBOOKS[kind]} first."
        )
    if not name:
        newer = _describe_newer(runs[0], fingerprint)
        if newer:
            print(newer)
        return runs[0]
    for run in runs:
        if run.folder.name == Path(name).name:
            return run
    names = ", ".join(run.folder.name for run in runs)
    raise MissingError(f"RUN must be a finished run on these data, found '{name}'; choose from {names}.")


def _list_runs(kind: str, fingerprint: str) -> list[Run]:
    """Lists the runs of a kind on some data, finished or not; the one that was opened last comes first."""
    folders = [path.parent for path in RUNS.glob(f"{kind}-*/settings.json")]
    runs = [read_run(folder) for folder in sorted(folders, key=_read_opening_time, reverse=True)]
    return [run for run in runs if run.settings["data_fingerprint"] == fingerprint]


def _read_opening_time(folder: Path) -> float:
    """Returns when a run was opened last, in seconds since 1970: its settings are written then."""
    return (folder / "settings.json").stat().st_mtime


def is_finished(run: Run) -> bool:
    """Returns whether all trainings of a run have ended."""
    return read_result(run).minutes is not None


def _describe_newer(found: Run, fingerprint: str) -> str:
    """Describes a newer run that is not used, how it differs, and what to do; "" if there is none."""
    newer = _find_newer(found, fingerprint)
    if newer is None:
        return ""
    own = gather_settings(found)
    other = gather_settings(newer)
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
    """Finds the run that was opened last; None unless that was after `found` and it is no part of `found`."""
    kinds = ("seg", "joint") if found.settings["kind"] == "joint" else ("seg",)
    runs = [run for kind in kinds for run in _list_runs(kind, fingerprint)]
    own = (found.folder.name, found.settings.get("SEGMENTER"))  # a joint run starts from its segmenter
    opened = _read_opening_time(found.folder)
    newer = [run for run in runs if run.folder.name not in own and _read_opening_time(run.folder) > opened]
    return max(newer, key=lambda run: _read_opening_time(run.folder), default=None)


def gather_settings(run: Run) -> dict:
    """Gathers what the user set for a run, and for the segmentation network that it starts from."""
    earlier = run.folder.parent / run.settings.get("SEGMENTER", "")
    settings = {}
    if "SEGMENTER" in run.settings and (earlier / "settings.json").exists():
        settings.update(read_run(earlier).settings)
    settings.update(run.settings)
    return {name: value for name, value in settings.items() if name.isupper() and name != "SEGMENTER"}


def write_result(run: Run, result: dict) -> None:
    """Adds to the run's `result.json`: settings, scores, minutes, and the code and machine that made them.

    Args:
        run: whose result it is.
        result: parts of it, by the names of RunResult's attributes, or "folds", scores by fold.

    `commit`, `machine` and `versions` are those of the training; `made_by` holds the same for each split
    whose scores or confusion matrices were added or changed later.
    """
    earlier = _read_content(run)
    scores = {split: part.to_dict() for split, part in result.get("scores", {}).items()}
    result = files.replace_nan({**result, "scores": scores})
    provenance = describe_provenance()
    updated = {**provenance, **earlier, **result, "settings": run.settings}
    made_by = dict(earlier.get("made_by", {}))
    for kind in ("scores", "confusion"):
        updated[kind] = dict(earlier.get(kind, {}))
        for split, value in result.get(kind, {}).items():
            if updated[kind].get(split) != value:
                made_by[split] = provenance
            updated[kind][split] = value
    updated["made_by"] = made_by
    files.write_json(run.folder / "result.json", updated)


def describe_provenance() -> dict:
    """Returns the commit, the machine and the library versions that make a result now."""
    return {"commit": find_commit(), "machine": describe_machine(), "versions": list_versions()}


def record_training(run: Run) -> None:
    """Stores which code and machine train; if other code continues a training, its commit is added."""
    earlier = _read_content(run)
    now = find_commit()
    commit = earlier.get("commit", now)
    has_ended = "minutes" in earlier
    if not has_ended and now not in commit.split(" and "):
        commit = f"{commit} and {now}"
    write_result(run, {"commit": commit})


def read_result(run: Run) -> RunResult:
    """Reads the run's `result.json`; nothing is known of a run that has none yet."""
    return RunResult.from_dict(_read_content(run))


def _read_content(run: Run) -> dict:
    """Reads the content of the run's `result.json`; {} where there is none yet."""
    path = run.folder / "result.json"
    return read_json(path) if path.exists() else {}


def read_json(path: Path) -> object:
    """Reads a file of settings or scores; keys of earlier versions get today's names."""
    return _rename_keys(json.loads(path.read_text(encoding="utf-8")))


def _rename_keys(content: object) -> object:
    """Replaces the keys of OLD_KEYS by their new names, at any depth."""
    if isinstance(content, list):
        return [_rename_keys(item) for item in content]
    if isinstance(content, dict):
        return {OLD_KEYS.get(key, key): _rename_keys(value) for key, value in content.items()}
    return content


def read_finished(folder: Path) -> dict:
    """Reads the `result.json` of a finished joint run by its folder.

    Raises:
        MissingError: the folder holds no joint run, or its training has not ended.
    """
    path = folder / "result.json"
    found = "no result.json"
    if path.exists():
        result = read_json(path)
        if "minutes" in result and "SEGMENTER" in result["settings"]:
            return result
        found = "another kind of run or an unfinished one"
    raise MissingError(
        f"{folder} must be the folder of a finished joint run, as runs/joint-..., found {found}; "
        "run Train_label_seg.ipynb first."
    )


def read_finished_result(folder: Path) -> RunResult:
    """Reads what the `result.json` of a finished joint run says.

    Raises:
        MissingError: as of `read_finished`.
    """
    return RunResult.from_dict(read_finished(folder))


def drop_scores(run: Run, *splits: str) -> None:
    """Removes scores and confusion matrices of splits from `result.json`, as when their zip is replaced."""
    result = _read_content(run)
    for part in (result["scores"], result["confusion"], result.get("made_by", {})):
        for split in splits:
            part.pop(split, None)
    files.write_json(run.folder / "result.json", result)


def describe_machine() -> str:
    """Describes this machine: its cores, graphics cards and operating system."""
    import tensorflow as tf  # imported here, because it takes seconds, and tables and reports do not need it

    gpus = len(tf.config.list_physical_devices("GPU"))
    count = gpus if gpus else "no"
    return f"{count_cores()} cores {platform.machine()}, {count} GPU, {platform.system()}"


def list_versions() -> dict[str, str]:
    """Lists the versions of Python and of the libraries that results depend on."""
    return {
        "python": platform.python_version(),
        "tensorflow": metadata.version("tensorflow"),
        "keras": metadata.version("keras"),
    }
