"""Where the data lie: Train and Test, the truth of Test, or the built-in world in their place."""

from pathlib import Path

from src import data, files, world

RENDERED = Path("world")  # made on first use


def find_data(folder: str | Path) -> Path:
    """Gives the folder that holds Train and Test: the user's, or the built-in world where both are empty.

    Args:
        folder: what the settings say; "." is the project's own folder, whose data the world stands in for.
    """
    folder = files.expand_home(folder)
    if folder != Path() or is_laid(folder):
        return folder
    if not (RENDERED / "reference" / "world.json").exists():  # what is written last
        print("Train/ and Test/ are empty, so the built-in world is rendered and used; it is synthetic.")
        world.write_world(RENDERED)
    return RENDERED


def is_laid(folder: Path) -> bool:
    """Tells whether a user laid anything into Train or Test, be it photos without their table."""
    laid = (path for part in ("Train", "Test") for path in (folder / part).glob("[!.]*"))
    return any(path.name != "README.md" for path in laid)


def find_reference(reference: str | Path, folder: Path) -> Path | None:
    """Gives the folder with the truth of Test: what the settings say, the world's own, or None.

    Nothing in it is opened here, so that it can be asked for before the zip is written.

    Raises:
        DataError: what the settings say holds no data.csv.
    """
    if reference and not (files.expand_home(reference) / "data.csv").exists():
        raise data.DataError(
            f"REFERENCE must be a folder with data.csv and the true masks of Test, found '{reference}'."
        )
    if reference:
        return files.expand_home(reference)
    return folder / "reference" if (folder / "Test" / "world.json").exists() else None


def name_source(folder: Path) -> str:
    """Says what figures of a data folder must say: "synthetic world" for a rendered one, else nothing."""
    return "synthetic world" if (folder / "Train" / "world.json").exists() else ""
