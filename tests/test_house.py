"""The house stays small: short functions and files, `__init__` files that do nothing."""

import ast
from pathlib import Path

import pytest
from conftest import LONGEST
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from plant_faults import FAULTS

FILES = sorted(Path("src").rglob("*.py"))
# Stands alone on the competition's server, so it cannot be cut into modules.
ALONE = Path("src/submission/scoring.py")


@pytest.mark.parametrize("path", FILES, ids=str)
def test_functions_and_files_are_short(path):
    text = path.read_text(encoding="utf-8")
    assert path == ALONE or len(text.splitlines()) <= 320
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 45, f"{path}: {node.name}"


def test_packages_do_nothing_when_they_are_imported():
    for path in FILES:
        if path.name == "__init__.py" and path.parent != Path("src"):
            (docstring,) = ast.parse(path.read_text()).body
            assert isinstance(docstring.value.value, str), path


def test_the_longest_files_of_tests_are_there():
    """A file that was renamed would no longer be begun first."""
    assert [name for name in LONGEST if not Path(f"tests/{name}.py").exists()] == []


def test_faults_can_still_be_planted():
    """Each line that `plant_faults.py` changes is where it says, once."""
    counts = {line: (Path("src") / name).read_text().count(line) for name, line, _, _ in FAULTS}
    assert {line: count for line, count in counts.items() if count != 1} == {}


def test_the_exact_versions_are_among_those_that_are_allowed():
    pinned = {}
    for line in Path("requirements.lock").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            requirement = Requirement(line)
            pinned.setdefault(canonicalize_name(requirement.name), []).append(requirement.specifier)
    for line in Path("requirements.txt").read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if text:
            allowed = Requirement(text)
            for specifier in pinned[canonicalize_name(allowed.name)]:
                (version,) = specifier
                assert allowed.specifier.contains(version.version), f"{allowed} but {version}"
