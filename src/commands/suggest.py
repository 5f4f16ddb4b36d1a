"""Suggests the frames whose labels would teach most, with the network's masks to start from."""

import argparse
import sys
from pathlib import Path

from src.common import files


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    parser.add_argument("count", type=int, metavar="N", help="how many frames")
    parser.add_argument("--data", default="", help="folder that holds Train and Test (default: the last one)")
    parser.add_argument(
        "--run", default="", help="a finished joint run on these data (default: the last one)"
    )
    parser.add_argument(
        "--train", action="store_true", help="choose among the frames of Train without a mask, not of Test"
    )
    parser.add_argument(
        "--out",
        type=files.expand_home,
        default=Path("suggested"),
        help="new folder to write to (default: suggested)",
    )


def run(arguments: argparse.Namespace) -> None:
    """Writes the frames, lists them and says what to do with them."""
    from src.common import startup

    startup.import_quietly()
    from src import runs
    from src.project import Project
    from src.submission import suggestion

    project = Project.open(arguments.data, with_test=not arguments.train)
    run = runs.find_run("joint", project.train, project.classes, arguments.run)
    open_pool = suggestion.open_train if arguments.train else suggestion.open_test
    pool = open_pool(project, run)
    out = arguments.out
    table = suggestion.suggest(project, run, pool, arguments.count, out)
    print(f"\n{len(table)} of {len(pool.samples)} frames, the most useful first; in percent:")
    print(table.to_string(index=False))
    labels = f' --labels "{out / suggestion.LABELS}"' if (out / suggestion.LABELS).exists() else ""
    print(f"\nPhotos and masks are in {out}. Correct them (docs/your-data.md says how), then:")
    print(f'{name_python()} -m src bring "{out}" labelled --classes "{project.folder / "Train"}"{labels}')


def name_python() -> str:
    """Names the Python that runs, as it can be typed in this folder: .venv/bin/python."""
    python = Path(sys.executable)
    return str(python.relative_to(Path.cwd()) if python.is_relative_to(Path.cwd()) else python)
