"""A reference folder, which holds the truth of Test: checked, and joined to the table of Test."""

from pathlib import Path, PurePosixPath

import pandas as pd

from src.data.classes import NO_LABEL, Classes
from src.data.columns import read_labels
from src.data.paths import find_duplicates, find_files, fold_name
from src.data.samples import read_data_table, refuse
from src.data.tables import DataError


def check_reference(reference: Path, test: Path) -> None:
    """Refuses a folder that is no truth of a Test folder; only names and columns are looked at, no truth.

    Args:
        reference: folder with `data.csv`, whose rows are frames of Test, all or some.
        test: folder of the Test frames.

    Raises:
        DataError: a table is missing, names no truth, or lists a frame that Test lacks.
    """
    told, _ = read_data_table(reference / "data.csv")
    asked, _ = read_data_table(test / "data.csv")
    path = reference / "data.csv"
    if not {"label_path", "image_lvl_label"} & set(told):
        raise DataError(
            f"{path} must have a column label_path or image_lvl_label, found {list(told.columns[:-1])}; "
            "REFERENCE is the folder with the truth of Test."
        )
    strange = told.loc[~told["image_path"].isin(asked["image_path"]), "image_path"]
    if len(strange):
        remedy = "name the truth of these very frames as REFERENCE"
        near = asked["image_path"][asked["image_path"].map(_name_photo) == _name_photo(strange.iloc[0])]
        if len(near):
            remedy = f"write it as there, '{near.iloc[0]}'"
        raise DataError(
            f"{path} must list frames of {test / 'data.csv'}, found {len(strange)} that are not there, as "
            f"'{strange.iloc[0]}'; {remedy}."
        )


def _name_photo(path: str) -> str:
    return fold_name(PurePosixPath(path).name)


def find_truth(reference: str | Path) -> dict[str, str]:
    """Finds the masks of a reference as `find_files` does: {label_path: its file, "" where there is none}."""
    table, _ = read_data_table(Path(reference) / "data.csv")
    paths, _ = find_files(Path(reference), table, "label_path")
    return dict(zip(table["label_path"], paths, strict=True)) if "label_path" in table else {}


def add_truth(samples: pd.DataFrame, reference: str | Path, classes: Classes) -> pd.DataFrame:
    """Gives Test's table with the truth of a reference folder in `mask` and `label`, as `read_samples` does.

    Args:
        samples: table of the Test frames, or some of its rows.
        reference: folder with `data.csv`; a label in it that is no class counts as unknown.
        classes: of both tasks.
    """
    reference = Path(reference)
    path = reference / "data.csv"
    table, _ = read_data_table(path)
    refuse(find_duplicates(path, table, "image_path"))
    found = find_truth(reference)
    names = table["label_path"] if "label_path" in table else [""] * len(table)
    # one that is not there is refused by name when it is opened
    paths = [(found[name] or str(reference / name)) if name else "" for name in names]
    labels, _ = read_labels(path, table, classes.label)
    truth = pd.DataFrame({"mask": paths, "label": labels}, index=table["image_path"])
    truth = truth.reindex(samples["image_path"])
    mask, label = truth["mask"].fillna(""), truth["label"].fillna(NO_LABEL).astype(int)
    return samples.assign(mask=mask.tolist(), label=label.tolist())
