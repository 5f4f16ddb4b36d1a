"""Finds the default data: the user's in the project's own folder, or else the built-in world."""

from pathlib import Path

from src.common.errors import DataError

PARTS = ("Train", "Test")
RENDERED = Path("world")  # folder of the built-in world, which is rendered on first use


def find_default_data() -> Path:
    """Returns the project's own folder if a user put data there, else the folder of the built-in world."""
    return Path() if holds_user_data(Path()) else RENDERED


def holds_user_data(folder: Path) -> bool:
    """Returns whether a user put any file into Train or Test, even photos without a table."""
    for part in PARTS:
        for path in (folder / part).glob("[!.]*"):
            if path.name != "README.md":
                return True
    return False


def refuse_part(folder: Path) -> None:
    """Refuses Train or Test where the folder that holds both is to be named.

    Raises:
        DataError: the folder is one of them.
    """
    if folder.name in PARTS and (folder / "data.csv").exists() and not (folder / PARTS[0]).exists():
        raise DataError(
            f"DATA must be the folder that holds Train and Test, found {folder}; name {folder.parent}."
        )


def explain_no_table(folder: Path) -> str:
    """Explains why a folder that was named has no data.csv, and says what to do; "" for no other reason."""
    if folder.is_file():
        return f"a file; name a folder, as {folder.parent}"
    if not folder.is_dir():
        return "no such folder; correct the path"
    inside = [part for part in PARTS if (folder / part / "data.csv").is_file()]
    if inside:
        return f"one in {' and in '.join(inside)}; name {' or '.join(str(folder / part) for part in inside)}"
    return ""
