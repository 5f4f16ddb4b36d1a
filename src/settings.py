"""What the user sets in the notebooks, checked as soon as it is typed, and what is trained with."""

import difflib
import math
from dataclasses import asdict, dataclass, field, fields

import numpy as np
import pandas as pd

from src.common.errors import OutdatedError, SettingsError

SMALLEST_ZOOM = 0.7  # scale of a crop against the network's own; below about 0.75 the whole frame is seen
LEAST = {"zoom": SMALLEST_ZOOM, "crop": 0.1}  # of what may not come down to 0


@dataclass(frozen=True)
class Recipe:
    """The parts of a recipe. Their values here are what the notebooks do by themselves.

    Attributes:
        backbone: a name that segmentation-models knows.
        weights: "imagenet", or "none" for random weights.
        crop: side of a training crop, as a share of the network's input.
        zoom: largest scale of a crop against the network's own scale; the smallest is 0.7. While labels are
            learned it is 1 at most.
        color: strength of the changes of exposure, contrast, gamma, white balance and saturation.
        dice: factor of the mask's Dice loss beside the cross-entropy.
        depth: metres a step of the depth maps in `depth_path`, usually 0.001; 0 leaves depth out.
        label_weight: factor of the label's loss beside the mask's.
        rate: the highest learning rate of the segmentation network; the joint one goes on at half of it.
        backbone_rate: the backbone's learning rate, as a share of the other layers'.
        last_rate: the learning rate that a training ends at, as a share of its highest.
    """

    backbone: str = "efficientnetlite0"
    weights: str = "imagenet"
    crop: float = 0.75
    zoom: float = 1.6
    color: float = 1.0
    dice: float = 1.0
    depth: float = 0.0
    label_weight: float = 0.3
    rate: float = 1e-3
    backbone_rate: float = 0.2
    last_rate: float = 0.3

    def to_dict(self) -> dict[str, str | float]:
        """Gives the parts by name, as a settings file keeps them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, parts: dict[str, str | float]) -> "Recipe":
        """Makes the recipe that a settings file keeps.

        Raises:
            OutdatedError: a part is unknown, as in a run of another version of this project.
        """
        unknown = parts.keys() - {field.name for field in fields(cls)}
        if unknown:
            raise OutdatedError(
                f"A run's RECIPE must have parts of src/settings.py, found '{min(unknown)}', of another "
                "version; run Train_seg_sem.ipynb again."
            )
        return cls(**parts)


def read_recipe(changes: str) -> Recipe:
    """Reads changes of the recipe, as "color=2 crop=1"; "" changes nothing.

    Raises:
        SettingsError: a word is no NAME=VALUE, a name is unknown, a value is of the wrong kind or too small.
    """
    kinds, chosen = {field.name: type(field.default) for field in fields(Recipe)}, {}
    for word in changes.split():
        name, equals, text = word.partition("=")
        if not equals or name not in kinds:
            nearest = difflib.get_close_matches(name, kinds, n=1, cutoff=0)[0]
            raise SettingsError(
                f"RECIPE must be NAME=VALUE words, found '{word}'; the nearest is {nearest}=."
            )
        try:
            chosen[name] = kinds[name](text)
        except ValueError:
            usual = getattr(Recipe, name)
            raise SettingsError(
                f"RECIPE's {name} must be a number, found '{text}'; default: {usual}."
            ) from None
        least, usual = LEAST.get(name, 0.0), getattr(Recipe, name)
        if kinds[name] is float and not least <= chosen[name] < math.inf:
            raise SettingsError(f"RECIPE's {name} must be from {least} on, found '{text}'; default: {usual}.")
    return Recipe(**chosen)


CHOICES = {"off": 1, "quick": 2, "full": 4}  # of ESTIMATE: how many MINUTES all trainings take together


@dataclass(frozen=True)
class Settings:
    """What the settings cell of `Train_seg_sem.ipynb` says; its comments there say what each is.

    Raises:
        SettingsError: SIZE, EPOCHS, MINUTES, ESTIMATE or RECIPE breaks its rule; the message names it.
    """

    size: str | tuple[int, int] = "auto"
    batch_size: int = 4
    epochs: str | int = "auto"
    minutes: float | None = None
    estimate: str = "quick"
    seed: int = 0
    group: str | None = None
    recipe: str = ""

    def __post_init__(self) -> None:
        check_size(self.size)
        check_epochs(self.epochs)
        check_minutes(self.minutes)
        check_choice(self.estimate)
        read_recipe(self.recipe)

    def resolve(self, samples: pd.DataFrame) -> "TrainingSettings":
        """Chooses what was left to the data.

        Args:
            samples: table of the Train frames.
        """
        recipe = read_recipe(self.recipe)
        size = choose_size(samples, self.size)
        return TrainingSettings(
            size=size,
            crop=choose_crop(size, recipe.crop),
            batch_size=self.batch_size,
            minutes=self.minutes,
            epochs=self.epochs,
            seed=self.seed,
            group=self.group,
            recipe=recipe,
            holds_out=self.estimate != "off",
        )


@dataclass(frozen=True)
class TrainingSettings:
    """What both networks are trained with.

    Attributes:
        size: (height, width) of the network's input, in pixels, multiples of 32.
        crop: (height, width) of a training crop, in pixels, multiples of 32.
        batch_size: frames a step.
        minutes: that all trainings may take at most; None for no such wish.
        epochs: passes over the frames, or "auto".
        seed: of the split, the order and the augmentation.
        group: column of data.csv whose values are held out whole; None for streets.
        recipe: how photos are changed, how the network is built, how fast it learns.
        holds_out: whether a network is also trained without some recordings, and scored on them.
    """

    size: tuple[int, int]
    crop: tuple[int, int]
    batch_size: int = 4
    minutes: float | None = None
    epochs: str | int = "auto"
    seed: int = 0
    group: str | None = None
    recipe: Recipe = field(default_factory=Recipe)
    holds_out: bool = True

    def to_dict(self) -> dict[str, object]:
        """Gives what `settings.json` of a run keeps."""
        return {
            "SIZE": self.size,
            "CROP": self.crop,
            "BATCH_SIZE": self.batch_size,
            "MINUTES": self.minutes,
            "EPOCHS": self.epochs,
            "SEED": self.seed,
            "GROUP": self.group,
            "RECIPE": self.recipe.to_dict(),
            "HOLDS_OUT": self.holds_out,
        }

    @classmethod
    def from_dict(cls, kept: dict[str, object]) -> "TrainingSettings":
        """Reads what `settings.json` of a segmentation network's run keeps.

        Raises:
            SettingsError: it is of another version of this project.
        """
        names = {one.name: one.name.upper() for one in fields(cls)} | {"holds_out": "HOLDS_OUT"}
        values = {name: kept.get(key) for name, key in names.items()}
        values["size"] = tuple(kept["SIZE"])
        values["crop"] = tuple(kept["CROP"])
        values["recipe"] = Recipe.from_dict(kept["RECIPE"])
        return cls(**values)


def check_choice(choice: str) -> None:
    """Refuses an ESTIMATE that is none of CHOICES.

    Raises:
        SettingsError: the message lists them.
    """
    if choice not in CHOICES:
        raise SettingsError(
            f"ESTIMATE must be one of {', '.join(CHOICES)}, found {choice!r}; 'quick' is usual."
        )


# of the network's input where SIZE is "auto": 352 x 480 for 4:3 photos, 288 x 512 for 16:9
PIXEL_BUDGET = 176_000


def check_size(size: str | tuple[int, int]) -> None:
    """Refuses a network's input size that is neither "auto" nor (height, width) in multiples of 32 px.

    Raises:
        SettingsError: the message names the nearest that is.
    """
    if size == "auto":
        return
    if not (isinstance(size, (tuple, list)) and len(size) == 2 and all(isinstance(s, int) for s in size)):
        raise SettingsError(f"SIZE must be 'auto' or (height, width) in px, found {size!r}; try (256, 352).")
    nearest = tuple(max(32, round(side / 32) * 32) for side in size)
    if tuple(size) != nearest:
        raise SettingsError(f"SIZE must be two multiples of 32, found {tuple(size)}; nearest is {nearest}.")


def choose_size(samples: pd.DataFrame, size: str | tuple[int, int]) -> tuple[int, int]:
    """Chooses the network's input size: (height, width), multiples of 32, of the commonest photo's shape.

    Args:
        samples: table with `height` and `width`.
        size: "auto" for the largest within PIXEL_BUDGET, or (height, width), which `check_size` must admit.
    """
    check_size(size)
    if size != "auto":
        return tuple(size)
    height, width = samples.groupby(["height", "width"]).size().idxmax()
    sides = np.arange(32, PIXEL_BUDGET // 32, 32)
    grid = [
        (int(h), int(w)) for h in sides for w in sides if h * w <= PIXEL_BUDGET and h <= height and w <= width
    ]
    if not grid:
        return (32, 32)
    stretch = {pair: abs(np.log((pair[0] / pair[1]) / (height / width))) for pair in grid}
    return max(grid, key=lambda pair: np.log(pair[0] * pair[1]) - 4 * stretch[pair])


def choose_crop(size: tuple[int, int], share: float) -> tuple[int, int]:
    """Chooses the size of a training crop: about `share` of the network's input, in multiples of 32."""
    return tuple(max(32, round(side * share / 32) * 32) for side in size)


def check_epochs(epochs: str | int) -> None:
    """Refuses a number of passes that is none.

    Raises:
        SettingsError: neither "auto" nor a whole number from 1 on.
    """
    if epochs == "auto" or (isinstance(epochs, int) and not isinstance(epochs, bool) and epochs >= 1):
        return
    raise SettingsError(f"EPOCHS must be 'auto' or a whole number from 1 on, found {epochs!r}; try 10.")


def check_minutes(minutes: float | None) -> None:
    """Refuses minutes that are none.

    Raises:
        SettingsError: neither None nor a positive number.
    """
    if minutes is None or (isinstance(minutes, int | float) and minutes > 0):
        return
    raise SettingsError(f"MINUTES must be None or a positive number, found {minutes!r}; try 20.")
