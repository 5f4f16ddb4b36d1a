"""What the pages tell to type is there, and does what they say; their links lead somewhere."""

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

README, SETTINGS = Path("README.md"), Path("docs/settings.md")
DOCS = sorted(Path("docs").glob("*.md"))
PAGES = (README, Path("CONTRIBUTING.md"), Path("results/README.md"), *DOCS)
FOLDERS = tuple(Path(folder, "README.md") for folder in ("Train", "Test", "submissions"))
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
VERBS_TOLD = sorted(set(re.findall(r"python -m src (\w+)", TEXT)))


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_tells_what_it_takes(verb, command):
    code, said, errors = command(verb, "--help")
    assert code == 0 and len(said) > 80, errors[-500:]


def test_the_pages_tell_verbs_that_there_are(command):
    assert {*VERBS_TOLD, "VERB"} == {*VERBS, "VERB"}
    for what in re.findall(r"python -m src results (\w+)", TEXT):
        assert command("results", what, "--help")[0] == 0, what


def test_every_verb_has_its_file():
    files = {path.stem for path in Path("src/commands").glob("*.py")} - {"__init__"}
    assert files == set(VERBS)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"python -m (examples\.\w+)", TEXT))))
def test_every_example_tells_what_it_takes(name, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", [name, "--help"])
    with pytest.raises(SystemExit, match="0"):
        runpy.run_path(f"{name.replace('.', '/')}.py", run_name="__main__")
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


def test_the_table_of_settings_has_each_with_its_notebooks_and_default():
    places, defaults = {}, {}
    for number, name in enumerate(run.NOTEBOOKS, 1):
        for setting, value in run.read_settings(nbformat.read(name, as_version=4)).items():
            places.setdefault(setting, []).append(str(number))
            defaults.setdefault(setting, ast.literal_eval(value))
    rows = re.findall(r"^\| `([A-Z_]+)` \| ([\d ]+) \| `([^`]+)` \|", SETTINGS.read_text(), re.MULTILINE)
    assert {name: told.split() for name, told, _ in rows} == places
    assert {name: ast.literal_eval(value) for name, _, value in rows} == defaults


def test_the_parts_of_the_recipe_are_all_told_with_their_defaults():
    rows = re.findall(r"^\| `(\w+)` \| ([\w.]+) \|", SETTINGS.read_text(), re.MULTILINE)
    told = {name: value for name, value in rows if name.islower()}
    assert set(told) == set(Recipe().to_dict())
    assert read_recipe(" ".join(f"{name}={value}" for name, value in told.items())) == Recipe()


def test_lengths_are_those_of_the_code():
    part = SETTINGS.read_text(encoding="utf-8").split("## How long it takes")[1].split("\n## ")[0]
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
    assert {page for page in PAGES if results.PLACE.search(page.read_text())} == set(results.PAGES)


@pytest.mark.parametrize("runs", ["slow backbone", "all runs by today's method"])
def test_errors_of_the_estimate_are_those_of_the_kept_runs(runs):
    lines = results.make_tables()["estimates"].splitlines()
    line = next(line for line in lines if line.startswith(f"{runs}, mean error"))
    kinds = ("estimate", "held-out recordings", "random frames", "estimated F1")
    estimate, held_out, random, f1 = (re.search(rf"{kind} (\d+\.\d)", line)[1] for kind in kinds)
    inside = re.search(r"In the interval: (\d+ of \d+)", line)[1]
    page = Path("docs/estimate.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| \*?{runs}\b.*", page, re.MULTILINE)[0]
    assert re.findall(r"\d+ of \d+|\d+\.\d", row) == [estimate, held_out, random, f1, inside]
    if runs.startswith("all"):
        first = " ".join(README.read_text(encoding="utf-8").split())
        assert f"the estimate was wrong by {estimate} points of mean IoU" in first
        assert f"taken as an estimate, would have been wrong by {held_out}." in first
        assert f"{inside.replace(' of ', ' of the ')} runs" in first


def test_first_numbers_of_the_readme_are_means_over_all_seeds_that_are_kept():
    first = README.read_text().split("## Start")[0]
    rows = [line.strip("| ").split(" | ")[1:] for line in first.splitlines() if line.startswith("| ")][1:]
    known = set()
    for _, runs in results.read_results().groupby(["data", "version", "budget"]):
        means = {
            column: f"{runs[column].mean():.1f}" for column in runs if column.startswith(("test", "const"))
        }
        scores = [f"{means[f'test {key}']} ({means[f'constant {key}']})" for key in MEASURES]
        known.add(
            (str(runs["train_frames"].iloc[0]), str(len(runs)), f"{runs['minutes'].mean():.0f}", *scores)
        )
    assert len(rows) == 3 and {tuple(row) for row in rows} <= known


def test_versions_of_the_results_are_told_apart():
    known = set(results.read_results()["version"])
    said = set(re.findall(r"^\| ([\w ]+) \|", Path("results/README.md").read_text(), re.MULTILINE))
    assert {name.removesuffix(" (development)") for name in known} <= said


def test_todays_version_is_the_first_of_the_list_of_versions():
    rows = Path("results/README.md").read_text(encoding="utf-8").split("## Versions")[1]
    first = re.search(r"^\| ([\w ]+) \| .* \| today's \|$", rows, re.MULTILINE)[1]
    assert f"today's is *{first}*" in Path("docs/how-measured.md").read_text(encoding="utf-8")


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
        re.findall(r"[`(]((?:src|tests|examples|benchmarks|results|docs|Imagenes)/[\w./-]+\.\w+)[`)]", TEXT)
    ):
        assert Path(name).exists(), name


def test_pages_that_code_and_notebooks_name_exist():
    files = [path for folder in ("src", "tests", "examples") for path in Path(folder).rglob("*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in (*files, *map(Path, run.NOTEBOOKS)))
    names = set(re.findall(r"\bdocs/[\w-]+\.md", text))
    assert names and names <= {page.as_posix() for page in DOCS}


def test_the_readme_is_short():
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150 and len(text.split()) <= 1500


def find_links(page):
    """Relative links of a page: path, "" for the page itself, and anchor, "" for none."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    return [target.partition("#")[::2] for target in targets if not re.match(r"\w+:", target)]


def list_anchors(page):
    """Anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*PAGES, *FOLDERS, Path("CHANGELOG.md")], ids=str)
def test_links_lead_somewhere(page):
    for name, anchor in find_links(page):
        target = page.parent / name if name else page
        assert target.exists(), name
        assert not anchor or anchor in list_anchors(target), f"{name}#{anchor}"


def test_the_readme_leads_to_every_page():
    rows = README.read_text(encoding="utf-8").split("## Read on")[1]
    linked = re.findall(r"^\| \[(docs/[\w-]+\.md)\]\(\1\) \| .+\? \|$", rows, re.MULTILINE)
    assert len(DOCS) > 5 and sorted(linked) == [page.as_posix() for page in DOCS]


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
