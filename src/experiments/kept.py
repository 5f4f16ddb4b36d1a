"""The files of `results/`, in a module that imports nothing heavy, because help texts name them."""

from pathlib import Path

FOLDER = Path("results")
ABLATION = FOLDER / "ablation.json"  # of `sweep LIST --data DIR`
AWAY = FOLDER / "away.json"  # of `sweep LIST --away PAIR ...`
BENCHMARK = FOLDER / "benchmark.json"
ESTIMATES = FOLDER / "estimates.json"  # of `sweep LIST --away PAIR ... --estimates`
WORLDS = FOLDER / "sim-to-real.json"  # of `examples/sim_to_real.py`
