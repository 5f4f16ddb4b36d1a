"""The peers of the benchmark: other projects' networks, each measured in an environment that has its package.

benchmarks/requirements-peers.txt is the environment of those that use PyTorch, and
benchmarks/requirements-peers-keras.txt that of KerasHub.
"""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.common.errors import SettingsError
from src.experiments.tables import make_markdown

SMP = "segmentation_models_pytorch"
STRIDE = 32  # px; the sides of a network's input are multiples of it
KINDS = ("train", "latency", "throughput")  # groups that have peers
FIND = "import importlib.util, sys; print(*[name for name in sys.argv[1:] if importlib.util.find_spec(name)])"


@dataclass(frozen=True)
class Peer:
    """A network of another project.

    Attributes:
        script: of benchmarks/, that measures it.
        package: that the script imports.
        words: that tell the script which network it is.
        is_square: whether it takes square images only.
        predicts: whether its predictions are measured, too.
    """

    script: str
    package: str
    words: tuple[str, ...] = ()
    is_square: bool = False
    predicts: bool = True


PEERS = {  # by the name of the row
    "smp, same decoder": Peer("peer_smp.py", SMP, ("same",), predicts=False),
    "smp, as shipped": Peer("peer_smp.py", SMP, ("shipped",)),
    "KerasHub, SegFormer-B0, square": Peer("peer_keras_hub.py", "keras_hub", ("segformer",), is_square=True),
    "KerasHub, DeepLabV3+": Peer("peer_keras_hub.py", "keras_hub", ("deeplab",)),
    "Ultralytics, YOLO26n-sem": Peer("peer_ultralytics.py", "ultralytics"),
    "torchvision, LRASPP-MobileNetV3": Peer("peer_torchvision.py", "torchvision"),
}
SHOWN = ("ours", "segmentation-models", *PEERS)  # rows of the table of peers


# Rows -----------------------------------------------------------
def list_training(size: tuple[int, int]) -> dict[str, list]:
    """Lists the rows of a training step at a size, (height, width) in px."""
    return {name: _make_row("train", peer, size) for name, peer in PEERS.items()}


def list_predictions(function: str, size: tuple[int, int]) -> dict[str, list]:
    """Lists the rows of predictions.

    Args:
        function: "answer_one" for one photo at a time or "answer_many" for many.
        size: (height, width) of the photos in px.
    """
    return {name: _make_row(function, peer, size) for name, peer in PEERS.items() if peer.predicts}


def choose_square(size: tuple[int, int]) -> tuple[int, int]:
    """Chooses the square of about as many pixels as a size has, whose side is a multiple of STRIDE."""
    height, width = size
    side = STRIDE * round((height * width) ** 0.5 / STRIDE)
    return side, side


def _make_row(function: str, peer: Peer, size: tuple[int, int]) -> list:
    """Makes a row: the name of the script's function and its arguments."""
    return [function, choose_square(size) if peer.is_square else size, *peer.words]


# Environments ---------------------------------------------------
def find_pythons(pythons: Sequence[Path]) -> dict[str, Path]:
    """Finds out which environment has the package of which peer.

    Args:
        pythons: of the environments; the first one that has a package measures its peers.

    Returns:
        The Python by package, without packages that no environment has.

    Raises:
        SettingsError: one of them does not run.
    """
    packages = sorted({peer.package for peer in PEERS.values()})
    found: dict[str, Path] = {}
    for python in pythons:
        try:
            done = subprocess.run([python, "-c", FIND, *packages], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise SettingsError(
                f"--peers must be the Python of each environment, found that {python} does not run; "
                "`python -m venv peers` makes peers/bin/python."
            ) from error
        for package in done.stdout.split():
            found.setdefault(package, python)
    return found


def describe_missing(pythons: dict[str, Path]) -> str:
    """Describes the peers that no environment has, a line a package.

    Args:
        pythons: of `find_pythons`.
    """
    lines = {}
    for name, peer in PEERS.items():
        if peer.package not in pythons:
            lines.setdefault(peer.package, []).append(name)
    return "".join(
        f"Left out, because no environment of --peers has {package}: {'; '.join(names)}.\n"
        for package, names in lines.items()
    )


# Table ----------------------------------------------------------
def make_peers_table(groups: dict[str, dict[str, dict]]) -> str:
    """Writes a table in Markdown: images a second and peak MB of each peer at training and prediction.

    Args:
        groups: of `read_benchmark`; rows that were not measured are left out, cells get a dash.
    """
    shown = {group: rows for group, rows in groups.items() if group.split()[0] in KINDS}
    lines = []
    for name in SHOWN:
        if any(name in rows for rows in shown.values()):
            lines.append([name, *(_describe_row(rows.get(name)) for rows in shown.values())])
    return make_markdown(lines, ["images a second (peak MB)", *shown])


def _describe_row(row: dict | None) -> str:
    """Describes what a row measured, "8.5 (2,285)"; a dash without it."""
    if row is None:
        return "-"
    return f"{1 / np.median(row['seconds']):.1f} ({row['memory']:,.0f})"
