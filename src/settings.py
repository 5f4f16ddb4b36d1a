"""What the user sets in the notebooks, checked as soon as it is typed, and what is trained with."""

from dataclasses import dataclass, field, fields

import pandas as pd

from src import batches, lengths, model
from src.errors import SettingsError
from src.recipe import Recipe, read_recipe

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
        batches.check_size(self.size)
        lengths.check_epochs(self.epochs)
        lengths.check_minutes(self.minutes)
        check_choice(self.estimate)
        model.check_recipe(read_recipe(self.recipe))

    def resolve(self, samples: pd.DataFrame) -> "TrainingSettings":
        """Chooses what was left to the data.

        Args:
            samples: table of the Train frames.
        """
        recipe = read_recipe(self.recipe)
        size = batches.choose_size(samples, self.size)
        return TrainingSettings(
            size=size,
            crop=batches.choose_crop(size, recipe.crop),
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
            "JUDGED": self.holds_out,
        }

    @classmethod
    def from_dict(cls, kept: dict[str, object]) -> "TrainingSettings":
        """Reads what `settings.json` of a segmentation network's run keeps.

        Raises:
            SettingsError: it is of another version of this project.
        """
        names = {one.name: one.name.upper() for one in fields(cls)} | {"holds_out": "JUDGED"}
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
