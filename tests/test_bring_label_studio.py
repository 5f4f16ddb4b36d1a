"""JSON exports of Label Studio that do not fit the PNGs, or lack fields."""

import json
import shutil
from pathlib import Path

import pytest

from src.bring.bring import bring
from src.common.errors import DataError

EXPORT = Path(__file__).parent / "bring_files" / "label_studio"


def make_source(folder, change):
    """Copies an export of three tasks; `change` changes what its JSON holds."""
    shutil.copytree(EXPORT, folder)
    (path,) = folder.rglob("*.json")
    tasks = json.loads(path.read_text())
    change(tasks)
    path.write_text(json.dumps(tasks))
    return folder


def empty_fields(tasks):
    tasks[0]["annotations"] = None
    tasks[1]["annotations"].append({"id": 1_000_000, "was_cancelled": True, "result": None})
    tasks[2]["annotations"][0]["result"].append({"type": "choices", "value": None})


def write_ids_as_text(tasks):
    for task in tasks:
        task["annotations"] = [one | {"id": str(one["id"])} for one in task["annotations"]]


def count_masks(brought):
    return sum("label_path" in row.cells for row in brought.written.train)


def test_fields_may_be_empty_and_ids_text(tmp_path):
    assert count_masks(bring(make_source(tmp_path / "empty", empty_fields), tmp_path / "a")) == 2
    assert count_masks(bring(make_source(tmp_path / "text", write_ids_as_text), tmp_path / "b")) == 3


def test_a_task_without_a_field_names_its_file(tmp_path):
    source = make_source(tmp_path / "source", lambda tasks: tasks[0]["annotations"][0].pop("id"))
    with pytest.raises(DataError, match=r"\.json must hold tasks as Label Studio exports them, .* \('id'\)"):
        bring(source, tmp_path / "out")


def test_areas_of_another_export_are_counted(tmp_path):
    def renumber(tasks):
        for task in tasks[1:]:
            task["annotations"][0]["id"] += 1000

    brought = bring(make_source(tmp_path / "source", renumber), tmp_path / "out")
    assert count_masks(brought) == 1
    assert any(
        "PNGs are of annotations that the JSON does not have, the first is" in one for one in brought.left
    )
