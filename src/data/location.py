"""Where the data lie: the user's in the project's own folder, or the built-in world beside them."""

from pathlib import Path

RENDERED = Path("world")  # made on first use


def find_default_data() -> Path:
    """Gives the project's own folder where a user laid data into it, else the built-in world's."""
    return Path() if holds_user_data(Path()) else RENDERED


def holds_user_data(folder: Path) -> bool:
    """Tells whether a user laid anything into Train or Test, be it photos without their table."""
    laid = (path for part in ("Train", "Test") for path in (folder / part).glob("[!.]*"))
    return any(path.name != "README.md" for path in laid)
