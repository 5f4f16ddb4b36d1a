"""Makes a pair of places, one to learn from and one to be scored on, of a data set whose truth is known.

    .venv/bin/python examples/pairs.py two-cities boston-from-mallorca --turn
    .venv/bin/python examples/pairs.py camvid camvid-0016E5 --drive 0016E5
    .venv/bin/python -m src sweep LIST --away boston-from-mallorca camvid-0016E5

`--turn` learns from Test, whose truth lies in `reference/`, and is scored on Train. `--drive` keeps Train but
for one drive (`robot_id`), and is scored on that one. Files are linked, not copied.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

TRUTH = ["label_path", "image_lvl_label"]


@dataclass(frozen=True)
class Part:
    """Frames of a data set.

    Attributes:
        table: rows of data.csv, with the columns TRUTH.
        folders: that hold the files which the table names.
    """

    table: pd.DataFrame
    folders: list[Path]


def read_table(folder: Path) -> pd.DataFrame:
    """Reads a folder's `data.csv`, every value as text."""
    return pd.read_csv(folder / "data.csv", dtype=str, keep_default_na=False)


def turn_round(source: Path) -> tuple[Part, Part]:
    """Takes Test, with its truth, to learn from, and Train to be scored on."""
    truth = read_table(source / "reference")[["image_path", *TRUTH]]
    test = read_table(source / "Test").merge(truth, on="image_path", validate="one_to_one")
    learned = Part(test, [source / "Test", source / "reference"])
    return learned, Part(read_table(source / "Train"), [source / "Train"])


def leave_out(source: Path, drive: str) -> tuple[Part, Part]:
    """Takes Train without one drive to learn from, and that drive to be scored on."""
    table = read_table(source / "Train")
    is_scored = table["robot_id"] == drive
    if not is_scored.any() or is_scored.all():
        drives = ", ".join(table["robot_id"].unique())
        raise SystemExit(f"--drive must be one of several in Train, found '{drive}'; there are {drives}.")
    folders = [source / "Train"]
    return Part(table[~is_scored], folders), Part(table[is_scored], folders)


def write_part(part: Part, columns: list[str], files: list[str], out: Path) -> None:
    """Writes a part's table beside links to its files.

    Args:
        part: to write.
        columns: of the table that are kept.
        files: columns that name the files to link.
        out: folder to write.
    """
    out.mkdir(parents=True, exist_ok=True)
    for name in part.table[files].to_numpy().ravel():
        if name:
            found = next(folder / name for folder in part.folders if (folder / name).exists())
            link = out / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(found.resolve())
    part.table[columns].to_csv(out / "data.csv", index=False)


def main() -> None:
    """Writes OUT/Train, OUT/Test and OUT/reference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="folder with Train, Test and reference")
    parser.add_argument("out", type=Path, help="folder to write")
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--turn", action="store_true", help="learn from Test, be scored on Train")
    way.add_argument("--drive", help="robot_id of Train to be scored on, and not to learn from")
    arguments = parser.parse_args()
    source = arguments.source
    out = arguments.out
    train, test = turn_round(source) if arguments.turn else leave_out(source, arguments.drive)
    without_truth = [name for name in test.table.columns if name not in TRUTH]
    write_part(train, list(train.table.columns), ["image_path", "label_path"], out / "Train")
    write_part(test, without_truth, ["image_path"], out / "Test")
    write_part(test, ["image_path", *TRUTH], ["label_path"], out / "reference")
    for name in ("Train", "reference"):
        (out / name / "classes.csv").write_bytes((source / "Train" / "classes.csv").read_bytes())
    print(f"{len(train.table)} frames to learn from, {len(test.table)} to be scored on: {out}")


if __name__ == "__main__":
    main()
