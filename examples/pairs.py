"""Makes a pair of places, one to learn from and one to be judged in, of a data set whose truth is known.

    .venv/bin/python examples/pairs.py two-cities boston-from-mallorca --turn
    .venv/bin/python examples/pairs.py camvid camvid-0016E5 --drive 0016E5
    .venv/bin/python -m src sweep LIST --away boston-from-mallorca camvid-0016E5

`--turn` learns from Test, whose truth lies in `reference/`, and is judged on Train. `--drive` keeps Train but
for one drive (`robot_id`), and is judged on that one. Files are linked, not copied.
"""

import argparse
from pathlib import Path

import pandas as pd

ANSWERS = ["label_path", "image_lvl_label"]


def read_table(folder: Path) -> pd.DataFrame:
    """Reads a folder's `data.csv`, every value as text."""
    return pd.read_csv(folder / "data.csv", dtype=str, keep_default_na=False)


def turn_round(source: Path) -> tuple[tuple[pd.DataFrame, list[Path]], tuple[pd.DataFrame, list[Path]]]:
    """Gives what to learn from and what to be judged on: a table and the folders of its files, twice."""
    answers = read_table(source / "reference")[["image_path", *ANSWERS]]
    test = read_table(source / "Test").merge(answers, on="image_path", validate="one_to_one")
    folders = [source / "Test", source / "reference"]
    return (test, folders), (read_table(source / "Train"), [source / "Train"])


def leave_out(source: Path, drive: str) -> tuple[tuple[pd.DataFrame, list[Path]], ...]:
    """Gives the same of Train alone, without one drive and of it."""
    table = read_table(source / "Train")
    judged = table["robot_id"] == drive
    if not judged.any() or judged.all():
        drives = ", ".join(table["robot_id"].unique())
        raise SystemExit(f"--drive must be one of several in Train, found '{drive}'; there are {drives}.")
    folders = [source / "Train"]
    return (table[~judged], folders), (table[judged], folders)


def write_part(table: pd.DataFrame, sources: list[Path], columns: list[str], folder: Path) -> None:
    """Writes a table beside links to the files that some of its columns name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in table[columns].to_numpy().ravel():
        if name:
            found = next(source / name for source in sources if (source / name).exists())
            link = folder / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(found.resolve())
    table.to_csv(folder / "data.csv", index=False)


def main() -> None:
    """Writes OUT/Train, OUT/Test and OUT/reference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="folder with Train, Test and reference")
    parser.add_argument("out", type=Path, help="folder to write")
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--turn", action="store_true", help="learn from Test, be judged on Train")
    way.add_argument("--drive", help="robot_id of Train to be judged on, and not to learn from")
    arguments = parser.parse_args()
    source, out = arguments.source, arguments.out
    (train, folders), (test, test_folders) = (
        turn_round(source) if arguments.turn else leave_out(source, arguments.drive)
    )
    write_part(train, folders, ["image_path", "label_path"], out / "Train")
    write_part(test.drop(columns=ANSWERS), test_folders, ["image_path"], out / "Test")
    write_part(test[["image_path", *ANSWERS]], test_folders, ["label_path"], out / "reference")
    for part in ("Train", "reference"):
        (out / part / "classes.csv").write_bytes((source / "Train" / "classes.csv").read_bytes())
    print(f"{len(train)} frames to learn from, {len(test)} to be judged on: {out}")


if __name__ == "__main__":
    main()
