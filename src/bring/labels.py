"""Gives each frame its image-level label: of a table, of its folder, or by a rule on its mask."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.bring.label_table import read_labels
from src.bring.source import SourceFrame
from src.common.errors import SettingsError
from src.data.classes import IGNORE

FOLDERS = "folders"  # --labels with this word takes the names of the folders
CONDITION = re.compile(r"(.+?)\s*(>=|<)\s*(\d+(?:\.\d+)?)\s*%?")


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


# Labels, each with the conditions under which it is given; the first one that holds counts.
Rule = list[tuple[str, list[Condition]]]
Labeller = Callable[[SourceFrame, np.ndarray | None], str]


def make_labeller(
    labels: str, rule: str, names: list[str], train: list[SourceFrame], test: list[SourceFrame]
) -> tuple[Labeller, list]:
    """Makes the function that gives a frame's label, "" for none; and sentences about what has no match.

    Args:
        labels: "folders", the path of a table of photos and labels, or "" for what the source itself says.
        rule: as `read_rule` reads it, or "".
        names: of the mask classes.
        train: frames of Train.
        test: frames of Test. Of folders, these get the labels only that Train has.

    Raises:
        SettingsError: both are given, there is no such table, or the rule cannot be read.
        DataError: the table cannot be read.
    """
    if labels and rule:
        raise SettingsError("Labels come from --labels or from --label-rule, found both; leave one out.")
    if rule:
        read = read_rule(rule, names)
        return lambda frame, mask: "" if mask is None else apply_rule(read, mask, names), []
    if labels == FOLDERS:
        return _make_folder_labeller(train), []
    if labels:
        if not Path(labels).is_file():
            raise SettingsError(f"--labels must be '{FOLDERS}' or the path of a table, found '{labels}'.")
        table, notes = read_labels(Path(labels), [*train, *test])
        return lambda frame, mask: table.get(frame.photo, ""), notes
    return lambda frame, mask: frame.label, []


def _make_folder_labeller(train: list[SourceFrame]) -> Labeller:
    """Makes the function that gives a frame the name of its folder, if photos of Train have it, too."""
    known = {_name_parent(frame) for frame in train}

    def label(frame: SourceFrame, mask: np.ndarray | None) -> str:
        name = _name_parent(frame)
        return name if name in known else ""

    return label


def _name_parent(frame: SourceFrame) -> str:
    """Names the folder that a photo lies in, within its source; "" for a photo at the source's root."""
    return Path(frame.name).parent.name


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
        if not label.strip():
            continue
        if re.search("[<>]", label):
            raise SettingsError(
                "--label-rule: a colon must stand between label and condition, found "
                f"'{part.strip()}'; write LABEL: CLASS >= PERCENT."
            )
        if rule and not rule[-1][1]:
            raise SettingsError(
                f"--label-rule: a label without condition must come last, found '{rule[-1][0]}' before "
                f"'{label.strip()}', which would never be given; change the order."
            )
        listed = [_read_condition(one, names) for one in re.split(r"\band\b", conditions) if one.strip()]
        rule.append((label.strip(), listed))
    if not rule:
        raise SettingsError(
            "--label-rule must hold a label, found none; write LABEL: CLASS >= PERCENT; OTHER."
        )
    return rule


def _read_condition(text: str, names: list[str]) -> Condition:
    match = CONDITION.fullmatch(text.strip())
    if not match or re.search("[<>]", match[1]):
        raise SettingsError(
            "--label-rule: a condition must be CLASS >= PERCENT or CLASS < PERCENT, several joined by 'and', "
            f"found '{text.strip()}'."
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
