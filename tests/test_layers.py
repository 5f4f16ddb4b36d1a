"""Imports go down the floors of the house only, never up and never in a circle."""

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src"
FLOORS = (
    {"__main__"},
    {"commands"},
    {"experiments"},
    {"run", "result_plots"},
    {"plots"},
    {"pipeline", "submission"},
    {"report"},
    {"figures"},
    {"evaluation", "project"},
    {"training", "inference", "world", "runs", "bring"},
    {"data", "model"},
    {"settings", "scores"},
    {"common"},
)


def read_imports(path, package):
    """Lists what a file imports of ours, as dotted names from below src/."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] == "src"]
        if isinstance(node, ast.ImportFrom):
            above = ["src", *package[: len(package) - node.level + 1]] if node.level else []
            module = ".".join([*above, *filter(None, [node.module])])
            if module.split(".")[0] == "src":
                found += [f"{module}.{alias.name}" for alias in node.names]
    return [name.removeprefix("src.") for name in found]


def find_floor(name):
    top = name.split(".")[0]
    return next((floor for floor, packages in enumerate(FLOORS) if top in packages), None)


def list_wrong(src):
    """Lists the imports that do not go down."""
    wrong = []
    for path in sorted(src.rglob("*.py")):
        parts = path.relative_to(src).with_suffix("").parts
        if parts == ("__init__",):  # it starts what must be started first
            continue
        own = find_floor(parts[0])
        assert own is not None, f"{path} is on no floor"
        for name in read_imports(path, parts[:-1]):
            inside = name.split(".")[0] == parts[0] and len(parts) > 1
            if not inside and find_floor(name) <= own:
                wrong.append(f"{'.'.join(parts)} imports {name}")
    return wrong


def resolve(name, modules):
    """Gives the module that a dotted name is, or is in."""
    while name not in modules:
        name = name.rpartition(".")[0]
    return name


def test_imports_go_down_only():
    assert list_wrong(SRC) == []


@pytest.mark.parametrize(
    "line",
    ["from src.pipeline import joint", "from ..pipeline import joint", "import src.pipeline.joint"],
)
def test_an_upward_import_is_found(tmp_path, line):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "frames.py").write_text(f"def load():\n    {line}\n")
    assert len(list_wrong(tmp_path)) == 1


def test_modules_of_a_package_import_in_no_circle():
    modules = {}
    for path in SRC.rglob("*.py"):
        if path.name != "__init__.py":
            parts = path.relative_to(SRC).with_suffix("").parts
            modules[".".join(parts)] = read_imports(path, parts[:-1])
    arrows = {
        name: {resolve(other, modules) for other in others if other.split(".")[0] == name.split(".")[0]}
        for name, others in modules.items()
    }
    while free := [name for name, others in arrows.items() if not others & arrows.keys()]:
        for name in free:
            del arrows[name]
    assert arrows == {}


def test_the_scoring_program_stands_alone():
    path = SRC / "submission" / "scoring.py"
    assert read_imports(path, ("submission",)) == []
