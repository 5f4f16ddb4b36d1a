"""Measures recipes one after another, as `python -m src sweep` does.

LIST is a text file with one recipe a line, "name: changes", such as "colourful: color=2"; the changes may be
empty. Each recipe is trained without the held-out recordings and scored on them and on Test. All trainings
have equally many steps, so that other work on the machine changes their minutes only. The results are in
`results/ablation.json`, and a recipe that is there is not measured again. With several numbers of steps a
sweep compares lengths of trainings. With `--away` each recipe is trained on several pairs of places, and
`away.py` makes a table of the scores in the other place; `--average` also scores the average of the networks
of all seeds, `--estimates` the estimates of the scores (`estimates.py`).
"""

import itertools
import os
from dataclasses import dataclass
from pathlib import Path

from src.common import cluster
from src.common.errors import SettingsError
from src.experiments import measured
from src.experiments.bench import Bench, fingerprint, measure_recipe
from src.settings import read_recipe


def read_list(path: Path) -> dict[str, str]:
    """Reads the recipes' names and changes, in the file's order; lines that begin with # are left out.

    Raises:
        SettingsError: the file is no text in UTF-8, a line has no colon, its name is that of an earlier line,
            or its changes are not of a recipe.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise SettingsError(f"{path} must be a text file in UTF-8; save it as that.") from None
    recipes = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, changes = line.partition(":")
        if not colon:
            raise SettingsError(
                f"{path} line {number} must be NAME: CHANGES, found '{line}'; write for example "
                "bright: color=2."
            )
        name = name.strip()
        if name in recipes:
            raise SettingsError(
                f"{path} line {number} must have a name of its own, found '{name}' again; rename it."
            )
        read_recipe(changes)
        recipes[name] = changes.strip()
    return recipes


@dataclass(frozen=True, eq=False)
class Job:
    """A row to measure; any process that reads the same disk can do it.

    Attributes:
        row: what identifies it, of `identify`.
        bench: data and conditions.
        seeds: of the split and of the trainings; the networks of several seeds are averaged.
        project: folder of the project, in whose `runs/` the trainings lie.
    """

    row: dict
    bench: Bench
    seeds: list[int]
    project: Path


def measure_list(
    path: Path,
    benches: list[Bench],
    seeds: list[int],
    lengths_in_steps: list[int],
    average: bool = False,
    ray: str = "",
) -> None:
    """Measures the recipes that were not measured yet, seed by seed, and writes the results of each.

    Args:
        path: of the recipes, as `read_list` takes it.
        benches: where; each recipe is measured on all of them before the next one.
        seeds: of the split and of the trainings.
        lengths_in_steps: of both trainings together.
        average: True measures in the end the average of each recipe's networks over the seeds, too.
        ray: "auto" or the address of a Ray cluster to train on, where project and data have the same paths
            on all machines; "" for this machine only.

    Raises:
        UserError: the list, the data or the reference break a rule, before anything is trained; or Ray is not
            installed or does not answer.
    """
    recipes = read_list(path)
    fingerprints = {bench: fingerprint(bench) for bench in benches}

    def list_jobs(groups: list[list[int]]) -> list[Job]:
        jobs = []
        for group, steps, recipe, bench in itertools.product(
            groups, lengths_in_steps, recipes.items(), benches
        ):
            row = identify(bench, fingerprints[bench], recipe, group[0], steps)
            if len(group) > 1:
                row["recipe"] += f", average of {len(group)}"
                row["seed"] = " ".join(map(str, group))
            jobs.append(Job(row, bench, group, Path.cwd()))
        return jobs

    _measure_jobs(list_jobs([[seed] for seed in seeds]), ray)
    if average:
        _measure_jobs(list_jobs([seeds]))  # of networks that are trained by now


def _measure_jobs(jobs: list[Job], ray: str = "") -> None:
    """Measures the rows that were not measured yet, and writes the results of each."""
    missing = [
        job
        for job in jobs
        if not measured.is_measured(job.row, job.bench.reference is not None, job.bench.results)
    ]
    if not missing:
        return
    results = cluster.spread(measure_job, missing, ray) if ray else map(measure_job, missing)
    for job, found in zip(missing, results, strict=True):
        measured.keep_row(job.row, found, job.bench.results)


def measure_job(job: Job) -> dict:
    """Trains and scores what a row needs, in whichever process; returns what `measure_recipe` does."""
    os.chdir(job.project)  # a process of a cluster begins elsewhere
    row = job.row
    description = row["changes"] or "no change"
    place = f"{row['data']}, seed {row['seed']}, {row['steps']} steps"
    print(f"\n{row['recipe']} ({description}), {place}", flush=True)
    return measure_recipe(job.bench, read_recipe(row["changes"]), job.seeds, row["steps"])


def identify(bench: Bench, data_fingerprint: str, recipe: tuple[str, str], seed: int, steps: int) -> dict:
    """Returns what identifies a row of the results.

    Args:
        bench: data and conditions.
        data_fingerprint: of its Train.
        recipe: name and changes.
        seed: of the split and of the trainings.
        steps: of both trainings together.
    """
    name, changes = recipe
    return {
        "data": bench.folder.resolve().name,
        "data_fingerprint": data_fingerprint,
        "recipe": bench.name(name),
        "changes": changes,
        "seed": seed,
        "steps": steps,
        "batch_size": bench.batch_size,
    }
