"""The settings of the notebooks, checked where they are set, and the settings of a training."""

import difflib
import math
from dataclasses import asdict, dataclass, field, fields

import pandas as pd

from src.common.arguments import LARGEST_SEED
from src.common.errors import OutdatedError, SettingsError
from src.common.sizes import check_size, choose_size, scale_size

# Scale of a crop relative to the network's input; below about 0.75 it shows the whole frame.
SMALLEST_ZOOM = 0.7
# Smallest values of a recipe's parts, 0 for the others; of the settings that are whole numbers.
SMALLEST = {"zoom": SMALLEST_ZOOM, "crop": 0.1, "rate": 1e-7}
SMALLEST_NUMBERS = {"EPOCHS": 1, "BATCH_SIZE": 1, "SEED": 0, "JOBS": 1, "FRAMES": 1}


@dataclass(frozen=True)
class Recipe:
    """The parts of a recipe; the defaults are the values that the notebooks use.

    Attributes:
        backbone: a name of segmentation-models, or "hub:" and a preset of KerasHub or its folder.
        weights: "imagenet" for the pretrained weights, of a preset its own, or "none" for random ones.
        norm: of the backbone's batch normalisation: "pretrained" keeps means, variances, scale and offset of
            the pretrained weights, "batch" learns them. With random weights it is always "batch".
        crop: side of a training crop, as a share of the network's input.
        zoom: largest scale of a crop relative to the network's input; the smallest is 0.7.
        color: strength of the changes of exposure, contrast, gamma, white balance and saturation.
        light: how far each photo's channels are brought to one mean and spread, from 0 (not at all) to 1.
        dice: factor of the mask's Dice loss, which is added to the cross-entropy.
        depth: metres per step of the depth maps in `depth_path`, usually 0.001; 0 leaves depth out.
        label_weight: factor of the label's loss, which is added to the mask's loss.
        rate: the highest learning rate of the segmentation network; the joint network uses a fifth of it.
        backbone_rate: the backbone's learning rate, as a share of the other layers'.
        last_rate: the learning rate that a training ends at, as a share of its highest.
    """

    backbone: str = "efficientnetlite0"
    weights: str = "imagenet"
    norm: str = "pretrained"
    crop: float = 0.75
    zoom: float = 1.6
    color: float = 1.0
    light: float = 0.5
    dice: float = 1.0
    depth: float = 0.0
    label_weight: float = 0.3
    rate: float = 1e-3
    backbone_rate: float = 0.2
    last_rate: float = 0.3

    def to_dict(self) -> dict[str, str | float]:
        """Returns the parts by name, as a settings file holds them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, parts: dict[str, str | float]) -> "Recipe":
        """Makes a recipe of the parts in a settings file.

        Raises:
            OutdatedError: a part is unknown, as in a run of another version of this project.
        """
        unknown = parts.keys() - {field.name for field in fields(cls)}
        if unknown:
            raise OutdatedError(
                f"A run's RECIPE must have only parts of src/settings.py, found '{min(unknown)}' of another "
                "version of the project; run Train_seg_sem.ipynb again."
            )
        return cls(**parts)


def read_recipe(changes: str) -> Recipe:
    """Reads changes of the recipe, as "color=2 crop=1"; "" changes nothing.

    Raises:
        SettingsError: a change is not NAME=VALUE, a name is unknown, or a value is no number or too small.
    """
    defaults = {field.name: field.default for field in fields(Recipe)}
    changed = {}
    for change in changes.split():
        name, equals, text = change.partition("=")
        if not equals or name not in defaults:
            nearest = difflib.get_close_matches(name, defaults, n=1, cutoff=0)[0]
            raise SettingsError(
                f"RECIPE must be parts as NAME=VALUE, found '{change}'; the nearest is {nearest}=. A value, "
                "such as the path of a folder, may hold no blanks."
            )
        changed[name] = _read_part(name, text, defaults[name])
    return Recipe(**changed)


def _read_part(name: str, text: str, default: str | float) -> str | float:
    """Reads the value of one part of the recipe.

    Raises:
        SettingsError: the part is a number and the text is none, or one that is too small or infinite.
    """
    if isinstance(default, str):
        return text
    try:
        value = float(text)
    except ValueError:
        raise SettingsError(
            f"RECIPE's {name} must be a number, found '{text}'; default: {default}."
        ) from None
    smallest = SMALLEST.get(name, 0.0)
    if not smallest <= value < math.inf:
        raise SettingsError(
            f"RECIPE's {name} must be {smallest} or more, found '{text}'; default: {default}."
        )
    return value


# Values of PRESET, and how many networks the submitted model averages.
PRESETS = {"fast": 1, "best": 3}
# Values of a setting that has few; the first is the default.
CHOICES = {"PRESET": tuple(PRESETS), "ESTIMATE": ("quick", "full", "off"), "CHANNELS": (3, 1)}
FOLD_TRAININGS = {"full": 2}  # steps of the folds' trainings, as multiples of one training's


@dataclass(frozen=True)
class Settings:
    """The settings cell of `Train_seg_sem.ipynb`, whose comments explain each setting.

    Raises:
        SettingsError: a setting breaks its rule; the message names it.
    """

    size: str | tuple[int, int] = "auto"
    batch_size: int = 4
    epochs: str | int = "auto"
    minutes: float | None = None
    preset: str = "fast"
    estimate: str = "quick"
    seed: int = 0
    group: str | None = None
    recipe: str = ""
    tensorboard: bool = False

    def __post_init__(self) -> None:
        check_size(self.size)
        check_whole_number("BATCH_SIZE", self.batch_size)
        check_seed(self.seed)
        check_epochs(self.epochs)
        check_minutes(self.minutes)
        check_choice("PRESET", self.preset)
        check_choice("ESTIMATE", self.estimate)
        read_recipe(self.recipe)

    def resolve(self, samples: pd.DataFrame) -> "TrainingSettings":
        """Chooses from the data what the settings leave open.

        Args:
            samples: table of the Train frames.
        """
        recipe = read_recipe(self.recipe)
        size = choose_size(samples, self.size)
        return TrainingSettings(
            size=size,
            crop=scale_size(size, recipe.crop),
            batch_size=self.batch_size,
            minutes=self.minutes,
            epochs=self.epochs,
            networks=PRESETS[self.preset],
            seed=self.seed,
            group=self.group,
            recipe=recipe,
            holds_out=self.estimate != "off",
        )


@dataclass(frozen=True)
class TrainingSettings:
    """The settings that both networks are trained with.

    Attributes:
        size: (height, width) of the network's input, in pixels, multiples of 32.
        crop: (height, width) of a training crop, in pixels, multiples of 32.
        batch_size: frames per step.
        minutes: largest time of all trainings together; None for no limit.
        epochs: passes over the frames, or "auto".
        networks: that the submitted model averages.
        seed: of the split, the order of the frames and the augmentation.
        group: column of data.csv; frames with the same value are held out together. None for streets.
        recipe: augmentation, parts of the network, losses and learning rates.
        holds_out: whether a network is also trained without some recordings, and scored on them.
    """

    size: tuple[int, int]
    crop: tuple[int, int]
    batch_size: int = 4
    minutes: float | None = None
    epochs: str | int = "auto"
    networks: int = 1
    seed: int = 0
    group: str | None = None
    recipe: Recipe = field(default_factory=Recipe)
    holds_out: bool = True

    def to_dict(self) -> dict[str, object]:
        """Returns what `settings.json` of a run holds."""
        values = {field.name.upper(): getattr(self, field.name) for field in fields(self)}
        return values | {"RECIPE": self.recipe.to_dict()}

    @classmethod
    def from_dict(cls, stored: dict[str, object]) -> "TrainingSettings":
        """Reads what `settings.json` of a segmentation network's run holds.

        Raises:
            OutdatedError: the recipe is of another version of this project.
        """
        names = [field.name for field in fields(cls) if field.name.upper() in stored]
        values = {name: stored[name.upper()] for name in names}
        values["size"] = tuple(stored["SIZE"])
        values["crop"] = tuple(stored["CROP"])
        values["recipe"] = Recipe.from_dict(stored["RECIPE"])
        return cls(**values)


def check_choice(name: str, value: object) -> None:
    """Refuses a value of a setting that is not among its CHOICES.

    Raises:
        SettingsError: the message lists them.
    """
    choices = CHOICES[name]
    if value not in choices:
        listed = ", ".join(map(str, choices))
        raise SettingsError(
            f"{name} must be one of {listed}, found {value!r}; write for example {name}={choices[0]!r}."
        )


def check_whole_number(name: str, value: object, besides: str = "") -> None:
    """Refuses a value of a setting that is no whole number, or smaller than in SMALLEST_NUMBERS.

    Raises:
        SettingsError: the message names the value, and what the setting may be `besides`.
    """
    smallest = SMALLEST_NUMBERS[name]
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not is_whole or value < smallest:
        rule = f"{name} must be {besides}a whole number of {smallest} or more"
        raise SettingsError(f"{rule}, found {value!r}; try 4.")


def check_seed(seed: int) -> None:
    """Refuses a value of SEED that is no whole number from 0 to LARGEST_SEED.

    Raises:
        SettingsError: the message names the value.
    """
    check_whole_number("SEED", seed)
    if seed > LARGEST_SEED:
        raise SettingsError(f"SEED must be {LARGEST_SEED:,} or less, found {seed}; try 4.")


def check_epochs(epochs: str | int) -> None:
    """Refuses a value of EPOCHS that is neither "auto" nor a whole number of 1 or more.

    Raises:
        SettingsError: the message names the value.
    """
    if epochs != "auto":
        check_whole_number("EPOCHS", epochs, "'auto' or ")


def check_minutes(minutes: float | None) -> None:
    """Refuses a value of MINUTES that is neither None nor a positive number.

    Raises:
        SettingsError: the message names the value.
    """
    if minutes is None:
        return
    is_number = isinstance(minutes, int | float) and not isinstance(minutes, bool)
    if not is_number or not 0 < minutes < math.inf:
        raise SettingsError(f"MINUTES must be None or a positive number, found {minutes!r}; try 20.")
