"""Tries the versions that requirements.txt allows: `make test-versions`.

The suite runs with the lowest and with the highest versions, each in an environment below .versions/. With
`python tests/versions.py --wheels` nothing is installed: a table shows what each Python and system would get,
from wheels only.
"""

import argparse
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".versions"
RESOLUTIONS = ("lowest-direct", "highest")
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
SYSTEMS = {
    "Linux": "x86_64-unknown-linux-gnu",
    "macOS (arm64)": "aarch64-apple-darwin",
    "Windows": "x86_64-pc-windows-msvc",
}
SHOWN = ("tensorflow", "keras", "numpy", "pandas", "openvino")
SUITE = ("-n", "auto", "--maxprocesses", "4", "--dist", "loadfile", "--no-loadscope-reorder")


def make_environment(folder: Path) -> Path:
    """Makes an environment; returns its Python."""
    venv.create(folder, with_pip=True, clear=True)
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def install(python: Path, *what: str) -> None:
    """Installs packages by pip."""
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what], check=True
    )


def resolve(uv: Path, resolution: str, *words: str) -> str:
    """Resolves requirements.txt by uv: the lines NAME==VERSION."""
    command = [uv, "-m", "uv", "pip", "compile", ROOT / "requirements.txt", "--resolution", resolution]
    command += ["--no-header", "--no-annotate", "--quiet", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def run_suite(uv: Path, resolution: str) -> int:
    """Runs the suite on a copy of the project, with the versions of a resolution; returns the exit code."""
    folder = FOLDER / resolution
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    versions = resolve(uv, resolution)
    (folder / "versions.txt").write_text(versions)
    python = make_environment(folder / ".venv")
    install(python, "-r", str(folder / "versions.txt"))
    (folder / ".venv" / "installed").touch()
    print(f"{resolution}: {list_versions(versions)}", flush=True)
    return subprocess.run([python, "-m", "pytest", *SUITE], cwd=folder, check=False).returncode


def list_versions(resolved: str) -> str:
    """Lists the versions of the packages that matter most."""
    found = dict(re.findall(r"^([\w-]+)==([\w.]+)", resolved, re.MULTILINE))
    return ", ".join(f"{name} {found[name]}" for name in SHOWN)


def show_wheels(uv: Path) -> None:
    """Prints what each Python and system would get, as a table in Markdown."""
    print(f"| Python | system | {' | '.join(RESOLUTIONS)} |\n|---|---|---|---|")
    for python in PYTHONS:
        for system, platform in SYSTEMS.items():
            words = ("--python-version", python, "--python-platform", platform, "--only-binary", ":all:")
            cells = [list_versions(resolve(uv, resolution, *words)) for resolution in RESOLUTIONS]
            print(f"| {python} | {system} | {' | '.join(cells)} |")


def main() -> int:
    """Runs both suites or prints the table; returns the exit code."""
    parser = argparse.ArgumentParser(description="Tries the versions that requirements.txt allows.")
    parser.add_argument("--wheels", action="store_true", help="only prints what would be installed")
    arguments = parser.parse_args()
    uv = make_environment(FOLDER / "uv")
    install(uv, "uv")
    if arguments.wheels:
        show_wheels(uv)
        return 0
    return max(run_suite(uv, resolution) for resolution in RESOLUTIONS)


if __name__ == "__main__":
    sys.exit(main())
