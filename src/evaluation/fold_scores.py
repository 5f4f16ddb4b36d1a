"""The scores of the folds of ESTIMATE="full": what short trainings lack is added, and all are listed."""

import numpy as np
import pandas as pd

from src.evaluation import metrics
from src.evaluation.evaluate import Scored
from src.scores import Scores


def extrapolate_short_folds(folds: dict[str, Scored], whole: Scored, short: Scored) -> dict[str, Scored]:
    """Corrects the scores of folds, whose trainings are short, to those of whole trainings.

    To each score, and to each log temperature, the difference of whole and short is added, which is known for
    one fold.

    Args:
        folds: of `score_held_out` after short trainings, by name.
        whole: of `score_held_out` after a whole training.
        short: of the same frames after a short training.
    """
    return {name: _extrapolate(fold, whole, short) for name, fold in folds.items()}


def _extrapolate(fold: Scored, whole: Scored, short: Scored) -> Scored:
    """Corrects one fold; leaves out a score that one of the three does not have."""
    extrapolated = {}
    for name in ("miou", "f1", "accuracy"):
        values = [metrics.replace_none(getattr(scored.scores, name)) for scored in (fold, whole, short)]
        if not np.isnan(values).any():
            fold_score, whole_score, short_score = values
            extrapolated[name] = float(np.clip(fold_score + whole_score - short_score, 0, 1))
    temperatures = {}
    for name in ("temperature", "label_temperature"):
        values = [getattr(scored, name) for scored in (fold, whole, short)]
        if None not in values:
            fold_temperature, whole_temperature, short_temperature = values
            temperatures[name] = fold_temperature * whole_temperature / short_temperature
    return Scored(Scores(**extrapolated), frames=fold.frames, **temperatures)


def make_folds_table(folds: dict[str, Scored], others: dict[str, Scored] | None = None) -> pd.DataFrame:
    """Lists frames, scores in percent and temperature of each fold, and the mean of several folds.

    Args:
        folds: of `score_held_out`, by name.
        others: more rows, by name, which are not part of the mean.
    """
    rows = {name: _list_scores(fold) for name, fold in folds.items()}
    if len(folds) > 1:
        table = pd.DataFrame(rows).T
        mean = table.mean().to_dict()
        mean["frames"] = np.nan
        mean["temperature"] = np.exp(np.log(table["temperature"]).mean())  # as in `estimate_test`
        rows["mean of the folds"] = mean
    if others is not None:
        for name, other in others.items():
            rows[name] = _list_scores(other)
    return pd.DataFrame(rows).T.round(2)


def _list_scores(scored: Scored) -> dict[str, float]:
    """Lists the cells of a row of `make_folds_table` by column."""
    percents = {
        name: 100 * metrics.replace_none(getattr(scored.scores, key)) for key, name in metrics.COLUMNS.items()
    }
    return {"frames": scored.frames, **percents, "temperature": metrics.replace_none(scored.temperature)}
