"""Files of measured rows: each row is kept once, with what was found for it."""

from pathlib import Path

from src import runs
from src.common import files


def read_rows(path: Path) -> list[dict]:
    """Reads the rows that were measured; none if there is no file yet."""
    if not path.exists():
        return []
    return runs.read_json(path)


def is_measured(row: dict, with_test: bool, path: Path) -> bool:
    """Returns True if a row was measured.

    Args:
        row: what identifies it: data, recipe, changes, seed, steps and batch size.
        with_test: True asks for a row with scores on Test.
        path: of the results.
    """
    for other in read_rows(path):
        if row.items() <= other.items() and (not with_test or "test" in other):
            return True
    return False


def keep_row(row: dict, found: dict, path: Path) -> None:
    """Writes the results of a row, in place of its earlier ones.

    Args:
        row: what identifies it, as in `is_measured`.
        found: what was measured.
        path: of the results.
    """
    # The file is read again, because another sweep may have added rows meanwhile.
    others = [other for other in read_rows(path) if not row.items() <= other.items()]
    files.write_json(path, [*others, row | found])
