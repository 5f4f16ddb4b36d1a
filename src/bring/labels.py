"""Gives each frame its image-level label: of a table, of its folder, or by a rule on its mask."""

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.bring.source import SourceFrame
from src.common.errors import DataError, SettingsError
from src.data.classes import IGNORE

FOLDERS = "folders"  # --labels with this word takes the names of the folders
CONDITION = re.compile(r"(.+?)\s*(>=|<)\s*([\d.]+)\s*%?")


@dataclass(frozen=True)
class Condition:
    """A condition on the share of the frame that a class covers.

    Attributes:
        name: of the mask class.
        at_least: True for "at least", False for "less than".
        percent: of the pixels that count.
    """

    name: str
    at_least: bool
    percent: float

    def holds(self, shares: dict[str, float]) -> bool:
        """Returns whether the condition holds for the shares, in percent, of a mask's classes."""
        return (shares[self.name] >= self.percent) == self.at_least


Rule = list[
    tuple[str, list[Condition]]
]  # label and the conditions under which it is given, the first that holds
Labeller = Callable[[SourceFrame, np.ndarray | None], str]


def make_labeller(labels: str, rule: str, names: list[str]) -> Labeller:
    """Makes the function that gives a frame's label; "" for none.

    Args:
        labels: "folders", the path of a table of photos and labels, or "" for what the source itself says.
        rule: as `read_rule` reads it, or "".
        names: of the mask classes.

    Raises:
        SettingsError: both are given, or the rule cannot be read.
        DataError: the table cannot be read.
    """
    if labels and rule:
        raise SettingsError("Labels come from --labels or from --label-rule, found both; leave one out.")
    if rule:
        read = read_rule(rule, names)
        return lambda frame, mask: "" if mask is None else apply_rule(read, mask, names)
    if labels == FOLDERS:
        return lambda frame, mask: frame.photo.parent.name
    if labels:
        table = read_table(Path(labels))
        return lambda frame, mask: _look_up(table, frame)
    return lambda frame, mask: frame.label


def read_table(path: Path) -> dict[str, str]:
    """Reads a table whose first column names a photo and whose second one its label.

    Returns:
        Labels by the photos' paths as they are written, without ending.

    Raises:
        DataError: the file cannot be read, or has fewer than two columns.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            dialect = csv.Sniffer().sniff(file.read(4096), ",;\t")
            file.seek(0)
            rows = [row for row in csv.reader(file, dialect) if any(cell.strip() for cell in row)]
        return {_drop_ending(row[0]): row[1].strip() for row in rows[1:]}
    except (OSError, csv.Error, IndexError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} must be a table of two columns, photo and label, with a head, found {error}; correct it."
        ) from error


def _drop_ending(photo: str) -> str:
    """Returns a photo's path with / and without its ending."""
    return Path(photo.strip().replace("\\", "/")).with_suffix("").as_posix()


def _look_up(table: dict[str, str], frame: SourceFrame) -> str:
    """Looks a frame up by its path below the source, else by its name alone."""
    name = Path(frame.name).as_posix()
    return table.get(name, table.get(frame.photo.stem, ""))


def read_rule(text: str, names: list[str]) -> Rule:
    """Reads a rule as "crossing: crosswalk >= 5; sidewalk: sidewalk >= 20 and road < 10; corner".

    The first label whose conditions hold is given; one without conditions always. Numbers are percent of the
    pixels that count.

    Raises:
        SettingsError: a part is no condition, or names no class.
    """
    rule = []
    for part in text.split(";"):
        label, _, conditions = part.partition(":")
        if label.strip():
            listed = [_read_condition(one, names) for one in re.split(r"\band\b", conditions) if one.strip()]
            rule.append((label.strip(), listed))
    if not rule:
        raise SettingsError(
            "--label-rule must hold a label, found none; write LABEL: CLASS >= PERCENT; OTHER."
        )
    return rule


def _read_condition(text: str, names: list[str]) -> Condition:
    match = CONDITION.fullmatch(text.strip())
    if not match:
        raise SettingsError(
            f"--label-rule: a condition must be CLASS >= PERCENT or CLASS < PERCENT, found '{text.strip()}'."
        )
    if match[1] not in names:
        raise SettingsError(
            f"--label-rule must name classes ({', '.join(names)}), found '{match[1]}'; correct it."
        )
    return Condition(match[1], match[2] == ">=", float(match[3]))


def apply_rule(rule: Rule, mask: np.ndarray, names: list[str]) -> str:
    """Returns the first label whose conditions hold; "" if none does, or nothing in the mask counts.

    Args:
        rule: of `read_rule`.
        mask: uint8 (H, W), indices of the classes, IGNORE where a pixel does not count.
        names: of the classes.
    """
    counts = np.bincount(mask[mask != IGNORE], minlength=len(names))
    if not counts.sum():
        return ""
    shares = dict(zip(names, 100 * counts / counts.sum(), strict=True))
    for label, conditions in rule:
        if all(condition.holds(shares) for condition in conditions):
            return label
    return ""
