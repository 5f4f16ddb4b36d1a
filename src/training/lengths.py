"""How long a training is: a number of steps that follows from data and settings, never from the clock."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

from src.common import files
from src.data.frames import Counts
from src.settings import check_epochs

SHARES = {"seg": 0.7, "joint": 0.3}  # of both networks' steps
# Of both networks' trainings together, over a set of FRAMES frames: what 20 minutes on two cores were before.
# Half and twice as many steps are compared on the built-in world alone so far, by `python -m src sweep`.
PASSES = 46
FRAMES = 260
MOST_IMAGES = 48_000  # of both trainings: about three hours for all four of them on two cores
WORLD_SHARE = 1 / 6  # of these passes for the built-in world, which is a short show
HALF_COSTS = 3.3  # points of mean IoU for half of these steps, in the world's other city (a test says how)
PIECE = 25  # steps at most between two points where a training can stop and go on
VALIDATIONS = 10  # at most in a training, and at most VALIDATION_SHARE on top of its steps
VALIDATION_SHARE = 0.1
WHOLE_FRAMES = 0.6  # cost of a batch of whole frames in a validation, in training steps


@dataclass(frozen=True)
class Plan:
    """How a training is cut.

    Attributes:
        epochs: rows of its history, each about a pass over the frames.
        pieces: of an epoch; after each the training can stop and go on.
        piece: steps of a piece.
        validations: among the epochs, the last one included.
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
    """How long a training shall be.

    Attributes:
        steps: that the data deserve.
        minutes: a wish, the most that it may take; it takes fewer steps then. None for no wish.
        all_steps: of this and all later trainings, to say how long they take; 0 for this one alone.
    """

    steps: int
    minutes: float | None = None
    all_steps: int = 0


def choose_passes(frames: int, synthetic: bool = False) -> float:
    """Chooses the passes over the frames, of both networks' trainings together, for EPOCHS="auto".

    More frames need more steps and fewer passes: both change with the square root of their number.

    Args:
        frames: with a mask or a label.
        synthetic: True for the built-in world.
    """
    passes = PASSES * math.sqrt(FRAMES / frames)
    passes = min(passes, MOST_IMAGES / frames)
    return passes * WORLD_SHARE if synthetic else passes


def choose_steps(
    kind: str, counts: Counts, batch_size: int, epochs: str | int = "auto", synthetic: bool = False
) -> int:
    """Chooses the steps of one training.

    Args:
        kind: "seg" or "joint".
        counts: of all frames, held out or not, so that all trainings of a kind are equally long.
        batch_size: rows a step.
        epochs: "auto", or a number of passes over the frames.
        synthetic: True for the built-in world.

    Raises:
        SettingsError: `epochs` is neither.
    """
    check_epochs(epochs)
    if epochs != "auto":
        return epochs * count_pass_steps(counts, batch_size, kind == "joint")
    passes = SHARES[kind] * choose_passes(counts.useful, synthetic)
    return max(1, math.ceil(passes * counts.useful / batch_size))


def count_pass_steps(counts: Counts, batch_size: int, with_label: bool) -> int:
    """Counts the steps of a pass over the frames with a mask or, with labels, with either.

    Where labels are learned, each batch needs a row with a label and one with a mask. Where these are few,
    they come again, and the pass is longer.
    """
    if not with_label or batch_size == 1:
        return math.ceil((counts.useful if with_label else counts.masked) / batch_size)
    steps = math.ceil(counts.useful / batch_size)
    while counts.useful + _count_again(counts, steps) > steps * batch_size:
        steps += 1
    return steps


def _count_again(counts: Counts, steps: int) -> int:
    """Counts the rows that come again so that each of some batches has a label and a mask."""
    labels = max(0, steps - counts.labelled) if counts.labelled else 0
    masks = max(0, steps - counts.masked) if counts.masked else 0
    return labels + masks


def cut_steps(steps: int, pass_steps: int, validation_batches: int = 0) -> Plan:
    """Cuts a training into epochs of about a pass, and these into pieces of PIECE steps at most.

    Args:
        steps: wanted; a few more are taken where they do not divide.
        pass_steps: of a pass over the frames; an epoch is not longer.
        validation_batches: of one validation, 0 for a training without.
    """
    epochs = math.ceil(steps / pass_steps)
    epoch_steps = math.ceil(steps / epochs)
    pieces = math.ceil(epoch_steps / PIECE)
    piece = math.ceil(epoch_steps / pieces)
    affordable = VALIDATION_SHARE * steps / (WHOLE_FRAMES * max(1, validation_batches))
    validations = min(VALIDATIONS, epochs, max(1, int(affordable)))
    return Plan(epochs, pieces, piece, validations)


def shorten_steps(steps: int, step_seconds: float, minutes: float | None) -> int:
    """Shortens a training to the minutes that are wished for; it is never lengthened.

    Args:
        steps: that the data deserve.
        step_seconds: of one step, as timed.
        minutes: at most; None for no wish.
    """
    if minutes is None:
        return steps
    return min(steps, max(1, int(60 * minutes / step_seconds)))


def describe(steps: int, deserved: int, step_seconds: float, all_steps: int = 0) -> str:
    """Says how long a training takes on this machine, and what a wish for fewer minutes leaves of it.

    Args:
        steps: that are taken; a few more than they must be, where they do not divide into epochs.
        deserved: that would be taken without a wish.
        step_seconds: of one step, as timed.
        all_steps: of all trainings that are to come, this one included; 0 for this one alone.
    """
    share = min(1.0, steps / deserved)
    words = f"{steps} steps at {step_seconds:.2f} s take about {_format_minutes(steps * step_seconds)}"
    if all_steps > steps:
        everything = all_steps * share * step_seconds
        words += f", all trainings of both notebooks about {_format_minutes(everything)}"
    if steps < deserved:
        words += f"; MINUTES leaves {100 * share:.0f} % of the {deserved} steps that the data deserve"
        words += f" (half of them cost {HALF_COSTS} points of mean IoU on the built-in world)"
    return words + "."


def _format_minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} minutes" if seconds < 600 else f"{seconds / 60:.0f} minutes"


def share_minutes(kind: str, wish: float | None, holds_out: bool) -> float | None:
    """Gives the minutes that one training may take at most; None where there is no wish.

    MINUTES are shared by the trainings of both notebooks: of what is submitted and, with an estimate, of what
    is scored on held-out recordings.

    Args:
        kind: "seg" or "joint".
        wish: MINUTES of the settings.
        holds_out: whether there is a network that is scored on held-out recordings.
    """
    if wish is None:
        return None
    trainings = 2 if holds_out else 1
    return wish * SHARES[kind] / trainings


def read_plan(folder: Path) -> Plan | None:
    """Reads the plan of a training's folder, None where there is none yet."""
    path = folder / "plan.json"
    return Plan(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def write_plan(folder: Path, plan: Plan) -> None:
    """Writes the plan into a training's folder."""
    files.write_json(folder / "plan.json", asdict(plan))


def count_planned(folder: Path) -> int:
    """Counts the steps of the training whose plan lies in a folder."""
    return read_plan(folder).steps
