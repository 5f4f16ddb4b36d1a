"""The history of a training: one row an epoch."""

from pathlib import Path

import pandas as pd

HISTORY = "history.csv"


def read_history(folder: Path) -> pd.DataFrame:
    """Reads the history of a training, one row an epoch."""
    return join_pieces(pd.read_csv(folder / HISTORY, index_col="step"))


def join_pieces(rows: pd.DataFrame) -> pd.DataFrame:
    """Joins the rows of each epoch's pieces: averages losses and metrics, and adds up the seconds."""
    pieces = rows.groupby("epoch")
    return pieces.mean().assign(seconds=pieces["seconds"].sum())


def count_minutes(*histories: pd.DataFrame) -> float:
    """Adds up the minutes of trainings."""
    seconds = sum(history["seconds"].sum() for history in histories)
    return float(seconds / 60)
