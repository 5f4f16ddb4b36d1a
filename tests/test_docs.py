"""What README and CONTRIBUTING tell to type is there, and does what they say."""

import ast
import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import cv2
import nbformat
import numpy as np
import pytest
from conftest import draw_frame
from tiny import TINY

from src import run
from src.__main__ import VERBS
from src.data import classes as class_lists
from src.data.frames import Counts
from src.data.samples import read_samples
from src.experiments import results
from src.experiments.tables import MEASURES
from src.inference import engine
from src.model import unet
from src.settings import Recipe, read_recipe
from src.training import lengths

TEXT = "\n".join(Path(name).read_text() for name in ("README.md", "CONTRIBUTING.md", "results/README.md"))
VERBS_TOLD = sorted(set(re.findall(r"python -m src (\w+)", TEXT)))


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_tells_what_it_takes(verb, command):
    code, said, errors = command(verb, "--help")
    assert code == 0 and len(said) > 80, errors[-500:]


def test_the_pages_tell_verbs_that_there_are(command):
    assert set(VERBS_TOLD) <= {*VERBS, "VERB"} and len(VERBS_TOLD) > 5
    for what in re.findall(r"python -m src results (\w+)", TEXT):
        assert command("results", what, "--help")[0] == 0, what


def test_every_verb_has_its_file():
    files = {path.stem for path in Path("src/commands").glob("*.py")} - {"__init__"}
    assert files == set(VERBS)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"python -m (examples\.\w+)", TEXT))))
def test_every_example_tells_what_it_takes(name, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", [name, "--help"])
    with pytest.raises(SystemExit, match="0"):
        runpy.run_module(name, run_name="__main__")
    assert len(capsys.readouterr().out) > 80


def test_targets_of_make_are_there():
    makefile = Path("Makefile").read_text()
    for target in set(re.findall(r"`make ([\w-]+)|^make ([\w-]+)", TEXT, re.MULTILINE)):
        assert re.search(rf"^{''.join(target)}:", makefile, re.MULTILINE), target


def test_settings_are_those_of_the_notebooks():
    notebooks = [nbformat.read(name, as_version=4) for name in run.NOTEBOOKS]
    known = {name for notebook in notebooks for name in run.read_settings(notebook)}
    used = set(re.findall(r"\b([A-Z]{4,})=", TEXT)) - {"NAME", "PYTHON", "TMPDIR"}
    assert len(used) > 8 and used <= known
    for changes in re.findall(r'RECIPE="([^"]+)"', TEXT):
        assert read_recipe(changes) != Recipe()


def test_the_parts_of_the_recipe_are_all_told_with_their_defaults():
    rows = re.findall(r"^\| `(\w+)` \| ([\w.]+) \|", Path("README.md").read_text(), re.MULTILINE)
    told = {name: value for name, value in rows if name.islower()}
    assert set(told) == set(Recipe().to_dict())
    assert read_recipe(" ".join(f"{name}={value}" for name, value in told.items())) == Recipe()


def test_lengths_are_those_of_the_code():
    part = Path("README.md").read_text(encoding="utf-8").split("### How long it takes")[1].split("###")[0]
    assert f"{lengths.PASSES} * sqrt({lengths.FRAMES} / frames)" in part
    rows = re.findall(r"^\| .*?([\d,]+)(?:'s \d+)? \| ([\d,]+) \| (\d+) \|", part, re.MULTILINE)
    numbers = [[int(text.replace(",", "")) for text in row] for row in rows]
    assert len(numbers) == 6
    for frames, told, minutes in numbers:
        counts = Counts(frames, frames, frames)
        world = f"built-in world's {frames} " in part
        steps = [lengths.choose_steps(kind, counts, 4, synthetic=world) for kind in lengths.SHARES]
        assert told == 2 * sum(steps) and minutes == round(told * 0.42 / 60)


def test_tables_are_those_of_the_kept_results():
    tables = results.make_tables()
    for page in results.PAGES:
        text = page.read_text()
        assert results.PLACE.search(text) and results.fill_page(text, tables) == text, f"{page}: fill it"
    shown = "\n".join(page.read_text() for page in results.PAGES)
    assert all(table in shown for table in tables.values())


def test_first_numbers_of_the_readme_are_means_over_all_seeds_that_are_kept():
    first = Path("README.md").read_text().split("## Start")[0]
    rows = [line.strip("| ").split(" | ")[1:] for line in first.splitlines() if " / " in line][1:]
    known = set()
    for _, runs in results.read_results().groupby(["data", "version", "budget"]):
        scores = (
            " / ".join(f"{runs[f'{split} {key}'].mean():.1f}" for key in MEASURES)
            for split in ("test", "constant")
        )
        known.add(
            (str(runs["train_frames"].iloc[0]), str(len(runs)), f"{runs['minutes'].mean():.0f}", *scores)
        )
    assert len(rows) == 3 and {tuple(row) for row in rows} <= known


def test_versions_of_the_results_are_told_apart():
    known = set(results.read_results()["version"])
    said = set(re.findall(r"^\| ([\w ]+) \|", Path("results/README.md").read_text(), re.MULTILINE))
    assert {name.removesuffix(" (development)") for name in known} <= said


@pytest.mark.parametrize("name", run.NOTEBOOKS)
def test_what_a_notebook_reached_is_a_kept_result(name):
    said = nbformat.read(name, as_version=4).cells[0].source.split("**Reached**")[1].split("**Next:**")[0]
    kept = re.search(r"joint-world-\w{8}", Path("main.ipynb").read_text())[0]  # whose outputs are shown
    scores = json.loads(Path("results", f"{kept}.json").read_text())["scores"].values()
    known = {f"{100 * value:.1f}" for part in scores for value in part.values() if value is not None}
    numbers = re.findall(r"\d+\.\d", said)
    assert numbers and set(numbers) <= known


def test_files_that_are_named_exist():
    for name in set(
        re.findall(r"[`(]((?:src|tests|examples|benchmarks|results|Imagenes)/[\w./-]+\.\w+)[`)]", TEXT)
    ):
        assert Path(name).exists(), name


def test_the_classes_that_are_shown_are_those_without_a_file(tmp_path):
    text = Path("Train/README.md").read_text()
    table = re.search(r"```\n(task,.*?)```", text, re.DOTALL)[1]
    (tmp_path / "classes.csv").write_text(table)
    assert class_lists.read_classes(tmp_path) == class_lists.read_classes(tmp_path / "none")


def read_code(package: str) -> str:
    blocks = re.findall(r"```python\n(.*?)```", Path("Train/README.md").read_text(), re.DOTALL)
    return next(block for block in blocks if f"import {package}" in block)


def test_a_folder_a_drive_becomes_a_table(tmp_path):
    for number, name in enumerate(("d1_0001", "d1_0002", "d2_0001")):
        folder = tmp_path / "Train" / name[:2]
        folder.mkdir(parents=True, exist_ok=True)
        photo, mask, _ = draw_frame(number)
        cv2.imwrite(str(folder / f"{name}.jpg"), photo)
        if number != 1:
            cv2.imwrite(str(folder / f"{name}_seg.png"), mask)
    subprocess.run([sys.executable, "-c", read_code("pandas")], cwd=tmp_path, check=True)
    samples = read_samples(tmp_path / "Train", class_lists.read_classes(tmp_path / "Train"))
    assert samples["image_path"].tolist() == ["d1/d1_0001.jpg", "d1/d1_0002.jpg", "d2/d2_0001.jpg"]
    assert (samples["mask"] != "").tolist() == [True, False, True]
    assert samples["robot"].tolist() == ["d1", "d1", "d2"]


def test_masks_in_colours_become_ids(tmp_path):
    code = read_code("cv2")
    colors = np.array([[[128, 64, 128], [244, 35, 232], [1, 2, 3]]], np.uint8)
    cv2.imwrite(str(tmp_path / "mask_in_colors.png"), colors[..., ::-1])
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    assert cv2.imread(str(tmp_path / "mask.png"), cv2.IMREAD_UNCHANGED).tolist() == [[0, 1, 255]]


def test_a_robot_needs_openvino_alone(tmp_path):
    network = unet.build_joint(unet.build_segmenter(5, TINY), 3)
    engine.export(network, tmp_path, {})
    photo = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    np.save(tmp_path / "photo.npy", photo)
    code = next(block for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL) if "openvino" in block)
    imported = {
        name.name for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Import) for name in node.names
    }
    assert imported == {"openvino"}
    code = "import numpy\nphoto = numpy.load('photo.npy')\n" + code + "\nnumpy.save('mask.npy', mask)"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    expected = network(photo[None])["mask"][0].numpy().argmax(-1)
    assert (np.load(tmp_path / "mask.npy") == expected).mean() > 0.999
