"""Checks a reference folder, which holds the truth of Test, and joins it to the table of Test."""

from pathlib import Path, PurePosixPath

import pandas as pd

from src.data.classes import NO_LABEL, Classes
from src.data.columns import read_labels
from src.data.paths import compose_accents, find_duplicates, find_files, fold_name
from src.data.samples import read_data_table, refuse
from src.data.tables import DataError


def check_reference(reference: Path, test: Path) -> None:
    """Refuses a folder that holds no truth of a Test folder, by the columns and names of its table alone.

    Args:
        reference: folder with `data.csv`, whose rows are all frames of Test or some of them.
        test: folder of the Test frames.

    Raises:
        DataError: a table is missing, names no truth, or lists a frame that Test lacks.
    """
    path = reference / "data.csv"
    truth, _ = read_data_table(path)
    frames, _ = read_data_table(test / "data.csv")
    if not {"label_path", "image_lvl_label"} & set(truth):
        raise DataError(
            f"{path} must have a column label_path or image_lvl_label, found {list(truth.columns[:-1])}; "
            "set REFERENCE to the folder with the truth of Test."
        )
    is_frame = truth["image_path"].map(compose_accents).isin(frames["image_path"].map(compose_accents))
    unknown = truth.loc[~is_frame, "image_path"]
    if len(unknown):
        first = unknown.iloc[0]
        remedy = "set REFERENCE to the folder with the truth of these frames"
        same_name = frames["image_path"][frames["image_path"].map(_name_photo) == _name_photo(first)]
        if len(same_name):
            remedy = f"write it as there, '{same_name.iloc[0]}'"
        raise DataError(
            f"{path} must list frames of {test / 'data.csv'}, found {len(unknown)} that are not there, as "
            f"'{first}'; {remedy}."
        )


def _name_photo(path: str) -> str:
    """Returns the file name of a path, spelled so that names can be compared."""
    return fold_name(PurePosixPath(path).name)


def find_truth(reference: str | Path) -> dict[str, str]:
    """Finds the masks of a reference folder: {label_path: absolute path of the file, "" if there is none}."""
    table, _ = read_data_table(Path(reference) / "data.csv")
    if "label_path" not in table:
        return {}
    paths, _ = find_files(Path(reference), table, "label_path")
    return dict(zip(table["label_path"], paths, strict=True))


def add_truth(samples: pd.DataFrame, reference: str | Path, classes: Classes) -> pd.DataFrame:
    """Returns Test's table with the truth in `mask` and `label`, as `samples.read_samples` fills them.

    Args:
        samples: table of the Test frames, or some of its rows.
        reference: folder with `data.csv`; a label in it that is no class counts as unknown.
        classes: of both tasks.

    Raises:
        DataError: the reference has no table, or an image in two rows, however its accents are spelled.
    """
    reference = Path(reference)
    path = reference / "data.csv"
    table, _ = read_data_table(path)
    images = table["image_path"].map(compose_accents)
    refuse(find_duplicates(path, table.assign(image=images), "image"))
    files = find_truth(reference)
    masks = []
    for name in table["label_path"] if "label_path" in table else [""] * len(table):
        if not name:
            masks.append("")
        elif files[name]:
            masks.append(files[name])
        else:  # the error comes when this mask is opened, with its name
            masks.append(str(reference / name))
    labels, _ = read_labels(path, table, classes.label)
    truth = pd.DataFrame({"mask": masks, "label": labels}, index=images)
    truth = truth.reindex(samples["image_path"].map(compose_accents))
    mask = truth["mask"].fillna("")
    label = truth["label"].fillna(NO_LABEL).astype(int)
    return samples.assign(mask=mask.tolist(), label=label.tolist())
