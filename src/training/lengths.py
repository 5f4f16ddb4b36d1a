"""Chooses how many steps a training takes, and cuts them into epochs and pieces.

Without MINUTES the number of steps follows from data and settings only, not from the machine's speed.
"""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

from src.common import files
from src.common.errors import MissingError
from src.data.frames import Counts
from src.settings import check_epochs

SHARES = {"seg": 0.7, "joint": 0.3}  # of both networks' steps
# Passes over a data set of FRAMES frames, of both networks' trainings together. They took 20 minutes on two
# cores. The mean IoU in another place still rises: from half of the steps to these by 0.7 points on
# Mallorca -> Boston (two seeds) and 1.1 on idd-choose (one), from these to twice as many by 0.8 on
# Mallorca -> Boston (one; results/README.md, by `python -m src sweep`). More would take too long.
PASSES = 46
FRAMES = 260
# Frames that both trainings read at most. With ESTIMATE="quick" that takes about three hours on two cores.
MOST_IMAGES = 48_000
WORLD_SHARE = 1 / 6  # share of the passes for the built-in world, which is for a short demonstration
# Points of mean IoU that half of the steps cost in the built-in world's other city; tests/test_lengths.py
# computes it from the kept results.
HALF_COSTS = 3.6
PIECE = 25  # steps of a piece at most; a training can stop and go on after each piece
VALIDATIONS = 10  # at most in a training
VALIDATION_SHARE = 0.1  # time of all validations at most, as a share of the time of the training's steps
WHOLE_FRAMES = 0.6  # time of a batch of whole frames in a validation, as a share of a training step's


@dataclass(frozen=True)
class Plan:
    """How the steps of a training are cut into epochs and pieces.

    Attributes:
        epochs: number of epochs, each about a pass over the frames.
        pieces: pieces an epoch; after each piece the training can stop and go on.
        piece: steps a piece.
        validations: epochs that end with a validation; the last one does.
    """

    epochs: int
    pieces: int
    piece: int
    validations: int

    @property
    def steps(self) -> int:
        """Counts the steps of the whole training."""
        return self.epochs * self.pieces * self.piece

    @property
    def validated(self) -> list[int]:
        """Lists the epochs, counted from 1, that end with a validation."""
        return [round(self.epochs * (i + 1) / self.validations) for i in range(self.validations)]


@dataclass(frozen=True)
class Length:
    """How long a training should be.

    Attributes:
        steps: of a training without a limit of minutes.
        minutes: that it may take at most; fewer steps are taken if need be. None for no limit.
        all_steps: steps of all trainings of both notebooks, of which the time is printed too; 0 to leave it
            out.
    """

    steps: int
    minutes: float | None = None
    all_steps: int = 0


def choose_passes(frames: int, synthetic: bool = False) -> float:
    """Chooses the passes over the frames for EPOCHS="auto", of both networks' trainings together.

    The steps grow with the square root of the number of frames, so the passes shrink with it.

    Args:
        frames: with a mask or a label.
        synthetic: True for the built-in world.
    """
    passes = PASSES * math.sqrt(FRAMES / frames)
    passes = min(passes, MOST_IMAGES / frames)
    if synthetic:
        return passes * WORLD_SHARE
    return passes


def choose_steps(
    kind: str, counts: Counts, batch_size: int, epochs: str | int = "auto", synthetic: bool = False
) -> int:
    """Chooses the steps of one training.

    Args:
        kind: "seg" or "joint".
        counts: of all frames, the held-out ones included, so that all trainings of a kind are equally long.
        batch_size: rows a step.
        epochs: "auto", or a number of passes over the frames.
        synthetic: True for the built-in world.

    Raises:
        SettingsError: `epochs` is neither "auto" nor a whole number from 1 on.
    """
    check_epochs(epochs)
    if epochs != "auto":
        return epochs * count_pass_steps(counts, batch_size, kind == "joint")
    passes = SHARES[kind] * choose_passes(counts.useful, synthetic)
    return max(1, math.ceil(passes * counts.useful / batch_size))


def count_pass_steps(counts: Counts, batch_size: int, with_label: bool) -> int:
    """Counts the steps of a pass over the frames.

    Where labels are learned, each batch needs a row with a label and one with a mask. If there are fewer of
    these than batches, they are repeated, and the pass is longer.

    Args:
        counts: of the frames.
        batch_size: rows a step.
        with_label: True for a pass over the frames with a mask or a label, False for those with a mask only.
    """
    if not with_label:
        return math.ceil(counts.masked / batch_size)
    if batch_size == 1:
        return counts.useful
    steps = math.ceil(counts.useful / batch_size)
    while counts.useful + _count_repeated(counts, steps) > steps * batch_size:
        steps += 1
    return steps


def _count_repeated(counts: Counts, steps: int) -> int:
    """Counts the rows that are repeated so that each batch of a pass has a label and a mask."""
    labels = max(0, steps - counts.labelled) if counts.labelled else 0
    masks = max(0, steps - counts.masked) if counts.masked else 0
    return labels + masks


def cut_steps(steps: int, pass_steps: int, validation_batches: int = 0) -> Plan:
    """Cuts a training into epochs of at most a pass, and these into pieces of at most PIECE steps.

    Args:
        steps: of the training; the plan has a few more where they do not divide evenly.
        pass_steps: steps of a pass over the frames.
        validation_batches: batches of one validation, 0 for a training without validation.
    """
    epochs = math.ceil(steps / pass_steps)
    epoch_steps = math.ceil(steps / epochs)
    pieces = math.ceil(epoch_steps / PIECE)
    piece = math.ceil(epoch_steps / pieces)
    affordable = VALIDATION_SHARE * steps / (WHOLE_FRAMES * max(1, validation_batches))
    validations = min(VALIDATIONS, epochs, max(1, int(affordable)))
    return Plan(epochs, pieces, piece, validations)


def shorten_steps(steps: int, step_seconds: float, minutes: float | None) -> int:
    """Shortens a training to a limit of minutes; never lengthens it.

    Args:
        steps: of a training without a limit.
        step_seconds: measured time of one step.
        minutes: the limit; None for none.
    """
    if minutes is None:
        return steps
    return min(steps, max(1, int(60 * minutes / step_seconds)))


def describe(steps: int, full_steps: int, step_seconds: float, all_steps: int = 0) -> str:
    """Describes how long a training takes on this machine, and how much MINUTES shortens it.

    Args:
        steps: that the training takes.
        full_steps: that it would take without MINUTES.
        step_seconds: measured time of one step.
        all_steps: steps of all trainings of both notebooks without MINUTES; 0 to leave their time out.
    """
    share = min(1.0, steps / full_steps)
    text = f"{steps} steps at {step_seconds:.2f} s take about {_format_minutes(steps * step_seconds)}"
    if all_steps > steps:
        all_seconds = all_steps * share * step_seconds
        text += f", all trainings of both notebooks about {_format_minutes(all_seconds)}"
    if steps < full_steps:
        text += f"; MINUTES leaves {100 * share:.0f} % of the {full_steps} steps that the data deserve"
        text += f" (half of them cost {HALF_COSTS} points of mean IoU on the built-in world)"
    return text + "."


def _format_minutes(seconds: float) -> str:
    decimals = 1 if seconds < 600 else 0
    return f"{seconds / 60:.{decimals}f} minutes"


def count_trainings(kind: str, networks: int, holds_out: bool) -> int:
    """Counts the trainings of a notebook, as multiples of one training's steps.

    The submitted segmentation network goes on from the held-out model, so it has twice the steps. The other
    networks of the submitted model begin anew, and take as many.

    Args:
        kind: "seg" or "joint".
        networks: that the submitted model averages.
        holds_out: True if a held-out model is trained beside the submitted one.
    """
    first = 2 if holds_out else 1
    another = first if kind == "seg" else 1
    return first + (networks - 1) * another


def share_minutes(kind: str, minutes: float | None, networks: int, holds_out: bool) -> float | None:
    """Shares MINUTES among the trainings of both notebooks: returns the most that one training may take.

    Args:
        kind: "seg" or "joint".
        minutes: MINUTES of the settings; None for no limit.
        networks: as in `count_trainings`.
        holds_out: as in `count_trainings`.
    """
    if minutes is None:
        return None
    all_shares = sum(share * count_trainings(name, networks, holds_out) for name, share in SHARES.items())
    return minutes * SHARES[kind] / all_shares


def read_plan(folder: Path) -> Plan | None:
    """Reads the plan in a training's folder; None if there is none yet."""
    path = folder / "plan.json"
    if not path.exists():
        return None
    return Plan(**json.loads(path.read_text(encoding="utf-8")))


def write_plan(folder: Path, plan: Plan) -> None:
    """Writes the plan into a training's folder."""
    files.write_json(folder / "plan.json", asdict(plan))


def count_planned(folder: Path) -> int:
    """Counts the steps of the plan in a training's folder.

    Raises:
        MissingError: the training has not begun.
    """
    plan = read_plan(folder)
    if plan is None:
        raise MissingError(
            f"{folder} must hold the plan of a training, found none; run the notebook's cells above first."
        )
    return plan.steps
