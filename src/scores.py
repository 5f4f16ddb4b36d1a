"""Scores, and what a run's `result.json` says: plain data, without the networks that made them."""

import math
import re
from dataclasses import asdict, dataclass, field, fields

from src.common.errors import SettingsError


@dataclass(frozen=True)
class Scores:
    """Scores as fractions; NaN or None where one is unknown.

    Attributes:
        miou: mean IoU.
        f1: macro F1 of the labels.
        accuracy: of the labels.
        miou_low: lower end of the 90 % interval of an estimated mean IoU; None for a measured one.
        miou_high: upper end of that interval.
        f1_low, f1_high: the same of an estimated F1.
        accuracy_low, accuracy_high: the same of an estimated accuracy.
    """

    miou: float | None = None
    f1: float | None = None
    accuracy: float | None = None
    miou_low: float | None = None
    miou_high: float | None = None
    f1_low: float | None = None
    f1_high: float | None = None
    accuracy_low: float | None = None
    accuracy_high: float | None = None

    @classmethod
    def from_dict(cls, content: dict[str, float | None]) -> "Scores":
        """Reads scores by name; other names, such as "iou_road" of the scoring program, are left out."""
        return cls(**{name: content.get(name) for name in SCORE_NAMES})

    def without_labels(self) -> "Scores":
        """Returns the scores of the masks alone."""
        return Scores(self.miou, miou_low=self.miou_low, miou_high=self.miou_high)

    def get_interval(self, name: str) -> tuple[float, float] | None:
        """Returns the 90 % interval of an estimated score, by name as "f1"; None for a measured one."""
        low = getattr(self, f"{name}_low")
        return None if low is None else (low, getattr(self, f"{name}_high"))

    def to_dict(self) -> dict[str, float]:
        """Returns the known scores by name, as `result.json` holds them."""
        known = asdict(self)
        return {name: value for name, value in known.items() if value is not None and not math.isnan(value)}


def read_scored(text: str) -> Scores | None:
    """Reads the setting SCORED: what the competition gave, as "38.1 77.9 78.2"; None for "".

    Args:
        text: mean IoU and, if known, accuracy and F1 of the labels, in percent or all as fractions; "none"
            for an unknown one.

    Raises:
        SettingsError: it holds anything else.
    """
    if not isinstance(text, str):
        raise SettingsError(
            f'SCORED must be a text, found {text!r}; write for example SCORED="38.1 77.9 78.2".'
        )
    parts = re.split(r"[\s,;/%]+", text.strip(" %"))
    if parts == [""]:
        return None
    try:
        values = [None if part.lower() in ("none", "-") else float(part) for part in parts]
    except ValueError:
        values = []
    if "." not in text and re.search(r"\d,\d", text):  # 38,1 is one number to some people
        values = []
    known = [value for value in values if value is not None]
    if not 1 <= len(values) <= 3 or not known or not all(0 <= value <= 100 for value in known):
        raise SettingsError(
            "SCORED must be mean IoU, accuracy and F1 in percent, with a point, the last may be left out, "
            f"found '{text}'; write for example SCORED=\"38.1 77.9 78.2\"."
        )
    unit = 1 if max(known) <= 1 else 100
    fractions = [None if value is None else value / unit for value in values]
    missing = 3 - len(fractions)
    miou, accuracy, f1 = [*fractions, *[None] * missing]
    return Scores(miou, f1, accuracy)


SCORE_NAMES = tuple(field.name for field in fields(Scores))


@dataclass(frozen=True)
class RunResult:
    """What a run's `result.json` says.

    Attributes:
        commit: of the code that trained.
        machine: that trained.
        versions: of Python and of the libraries, by name.
        settings: as `settings.json` holds them.
        data: name of the data.
        seed: of the run; None before its training ended.
        leaky: True if held-out frames have neighbours in training.
        minutes: of all trainings; None before they ended.
        train_frames: that the submitted model was trained on.
        note: on the data, "" for real ones.
        classes: names of the mask classes; none in runs of earlier versions.
        scores: by split, "estimate", "held_out", "test" and others that `metrics.name_splits` names.
        confusion: by split: "mask" and "label", counts by true class (row) and predicted class (column);
            "label" is None without labels.
        made_by: by split, commit, machine and versions that scored it.
        tta: whether Test was predicted with test-time augmentation; None before it was predicted.
        zip: file name of the submission, "" if there is none.
        zip_content: fingerprint of the predictions in it.
        version: of the code, as the tables of kept results name it; "" for a run that is not kept.
    """

    commit: str = ""
    machine: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    settings: dict[str, object] = field(default_factory=dict)
    data: str = ""
    seed: int | None = None
    leaky: bool = False
    minutes: float | None = None
    train_frames: int | None = None
    note: str = ""
    classes: list[str] = field(default_factory=list)
    scores: dict[str, Scores] = field(default_factory=dict)
    confusion: dict[str, dict[str, list | None]] = field(default_factory=dict)
    made_by: dict[str, dict] = field(default_factory=dict)
    tta: bool | None = None
    zip: str = ""
    zip_content: str = ""
    version: str = ""

    @classmethod
    def from_dict(cls, content: dict) -> "RunResult":
        """Reads the content of a `result.json`; parts that no attribute is named after are left out."""
        names = {field.name for field in fields(cls)}
        values = {name: value for name, value in content.items() if name in names}
        scores = content.get("scores", {})
        values["scores"] = {split: Scores.from_dict(part) for split, part in scores.items()}
        return cls(**values)
