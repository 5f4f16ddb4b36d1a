"""How a network is built and trained: one recipe, each part of which can be changed by its name."""

import difflib
import math
from dataclasses import asdict, dataclass, fields

from src.errors import OutdatedError, SettingsError

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
                f"A run's RECIPE must have parts of src/recipe.py, found '{min(unknown)}', of another "
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
