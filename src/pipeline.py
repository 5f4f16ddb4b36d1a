"""The two stages of training that the notebooks drive: the segmentation network, then the joint one.

Each trains twice: a network that does not see the held-out recordings, which is scored on them, and the one
that goes on, on all frames. Where ESTIMATE is "off" there is no first one: what is asked about
it is None.
"""

from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd

from src import (
    batches,
    data,
    engine,
    estimate,
    folds,
    lengths,
    metrics,
    model,
    predict,
    record,
    split,
    training,
    widgets,
)
from src.batches import Frames
from src.classes import NO_LABEL, Classes
from src.predict import Prediction
from src.project import Project
from src.settings import CHOICES, Settings, TrainingSettings
from src.split import Split

SHOWN = 4  # held-out frames whose predictions are kept for pictures
RANDOM = "random"  # name of the fold of random frames


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a network's answers on held-out frames are worth.

    Attributes:
        samples: table of the frames.
        frames: the same, decoded.
        classes: of both tasks.
        title: names the frames; it says "leaky" where their streets were trained on.
        found: of `estimate.judge`: scores, confusion, temperature.
        predictions: of some rows of the table, for pictures.
    """

    samples: pd.DataFrame
    frames: Frames
    classes: Classes
    title: str
    found: dict
    predictions: dict[int, Prediction]

    def _repr_html_(self) -> str:
        """Shows a notebook each class's IoU."""
        return metrics.table_of_classes(self.mask_confusion, self.classes.mask).round(1).to_html()

    @property
    def mask_confusion(self) -> np.ndarray:
        """Pixels by true class (row) and predicted class (column)."""
        return np.array(self.found["confusion"]["mask"])

    def describe(self) -> list[str]:
        """Says the scores, each beside what one answer for all would get, in lines."""
        constant = metrics.score_constant(*self.found["confusion"].values())
        words = {}
        for name, best in constant.items():
            words[name] = f"{_in_percent(self.found['scores'][name])} (one answer for all: {100 * best:.1f})"
        masked = (self.samples["mask"] != "").sum()
        labelled = (self.samples["label"] != NO_LABEL).sum()
        lines = [f"mean IoU {words['miou']}, {masked} frames with a mask"]
        if labelled and "f1" in words:
            lines.append(f"accuracy {words['accuracy']}, F1 {words['f1']}, {labelled} frames with a label")
        return lines


def _in_percent(score: float | None) -> str:
    return "unknown" if score is None else f"{100 * score:.1f}"


class Stage:
    """One training notebook's frames, split and run.

    Args:
        project: the data.
        settings: what is trained with.
        kind: "seg" or "joint".
        kept: settings of the run, as `record.open_run` keeps them.
    """

    def __init__(self, project: Project, settings: TrainingSettings, kind: str, kept: dict[str, object]):
        self.project, self.settings, self.kind = project, settings, kind
        self.classes, self.samples = project.classes, project.train
        self.frames = batches.load_frames(self.samples, self.classes, settings.size, settings.recipe.depth)
        self.split = self._split()
        self.run = record.open_run(kind, project.folder, self.samples, self.classes, kept)
        rows = self._teaching_rows()
        self.all_frames = self.frames.take(rows)
        self.train_frames = self.frames.take(np.intersect1d(self.split.train, rows))
        self.held_out_rows = np.intersect1d(self.split.held_out, rows)
        self.held_out_frames = self.frames.take(self.held_out_rows)
        self.history: pd.DataFrame | None = None
        self.final_history: pd.DataFrame | None = None
        self._describe_frames()

    def _split(self) -> Split:
        raise NotImplementedError

    def _teaching_rows(self) -> np.ndarray:
        raise NotImplementedError

    @property
    def title(self) -> str:
        """Names the held-out frames, with "leaky" where they are."""
        return metrics.name_held_out(self.split.leaky)

    def table_of_split(self) -> pd.DataFrame | None:
        """Lists what both sides of the split hold; None where nothing is held out."""
        if not self.settings.holds_out:
            return None
        sides = (self.split.train, self.split.held_out)
        return split.table_of_split(self.samples, self.frames.masks, *sides, self.classes)

    def table_of_leaks(self) -> pd.DataFrame | None:
        """Counts the held-out frames that training gives away; None where nothing is held out."""
        return split.table_of_leaks(self.split.audit) if self.settings.holds_out else None

    def fit(self, network: keras.Model | None) -> pd.DataFrame | None:
        """Trains the network that is scored, on all but the held-out recordings; gives its history."""
        if network is None:
            return None
        self.history = training.fit(
            network,
            self.run.folder / "held_out",
            self.train_frames,
            val_frames=self.held_out_frames,
            show=self._make_live_view(self.held_out_frames),
            steps=self._choose_steps(self.kind),
            minutes=self.run.minutes,
            all_steps=self._count_all_steps(),
            **self._batching(),
        )
        return self.history

    def _fit_final(self, network: keras.Model) -> keras.Model:
        """Trains the network that goes on, as many steps as the one that was scored took."""
        scored = self.run.folder / "held_out"
        length = {"steps": self._choose_steps(self.kind), "minutes": self.run.minutes}
        if self.settings.holds_out:
            length = {"steps": lengths.count_planned(scored), "minutes": None}
        self.final_history = training.fit(
            network,
            self.run.folder / "final",
            self.all_frames,
            show=self._make_live_view(self.all_frames),
            all_steps=self._count_all_steps(),
            **length,
            **self._batching(),
        )
        return network

    def _batching(self) -> dict[str, object]:
        settings = self.settings
        return {
            "recipe": settings.recipe,
            "crop": settings.crop,
            "batch_size": settings.batch_size,
            "seed": settings.seed,
        }

    def _choose_steps(self, kind: str) -> int:
        settings = self.settings
        synthetic = bool(self.project.note)
        counts = self.frames.counts
        return lengths.choose_steps(kind, counts, settings.batch_size, settings.epochs, synthetic)

    def _count_all_steps(self) -> int:
        return 0

    def _make_live_view(self, frames: Frames) -> widgets.LiveView:
        return widgets.LiveView(frames.see(0), frames.masks[0], self.classes)

    def _describe_frames(self) -> None:
        """Says how many frames there are to train on."""
        what = {"seg": "a mask", "joint": "mask or label"}[self.kind]
        taught, held_out = len(self.all_frames), "none"
        if self.settings.holds_out:
            taught, held_out = len(self.train_frames), len(self.held_out_frames)
        print(f"{taught} frames with {what} to train on, {held_out} held out; the run is {self.run.folder}.")

    def _keep_some(self) -> dict[int, None]:
        """Chooses the held-out frames whose predictions are shown."""
        last = len(self.held_out_rows) - 1
        return dict.fromkeys(np.unique(np.linspace(0, last, SHOWN).astype(int)).tolist())

    def _make_evaluation(self, found: dict, predictions: dict[int, Prediction]) -> Evaluation:
        samples = self.samples.iloc[self.held_out_rows]
        return Evaluation(samples, self.held_out_frames, self.classes, self.title, found, predictions)

    def _count_minutes(self) -> float:
        """Minutes of this stage's trainings."""
        histories = (self.history, self.final_history)
        return training.count_minutes(*(one for one in histories if one is not None))

    def _finish(self, result: dict, minutes: float, words: str) -> None:
        """Writes the run's result, and says where everything lies."""
        about = {"data": self.run.settings["data"], "seed": self.settings.seed, "leaky": self.split.leaky}
        about |= {"minutes": minutes, "train_frames": len(self.all_frames)}
        record.write_result(self.run, about | result)
        print(f"{minutes:.1f} minutes of training{words} on {record.describe_machine()}.")
        print(f"Weights and figures: {self.run.folder}.")


class Segmentation(Stage):
    """The segmentation network: what `Train_seg_sem.ipynb` trains.

    Args:
        project: the data.
        settings: of the notebook's settings cell.
    """

    def __init__(self, project: Project, settings: Settings):
        data.require_masks(project.train)
        self.choice = settings.estimate
        chosen = settings.resolve(project.train)
        size, crop = (f"{height} x {width} px" for height, width in (chosen.size, chosen.crop))
        print(f"The network sees photos at {size} and trains on crops of {crop}.")
        super().__init__(project, chosen, "seg", chosen.to_dict())

    def _split(self) -> Split:
        chosen = self.settings
        found = split.make_split(self.samples, self.frames.images, chosen.group, chosen.seed)
        held_out = f"Validation on {metrics.name_held_out(found.leaky)}."
        print(
            split.describe_blocks(self.samples, found.blocks),
            held_out if chosen.holds_out else "None is held out.",
        )
        return found

    def _teaching_rows(self) -> np.ndarray:
        return np.flatnonzero(self.frames.has_mask)

    def _count_all_steps(self) -> int:
        return CHOICES[self.choice] * sum(self._choose_steps(kind) for kind in lengths.SHARES)

    def build(self) -> keras.Model | None:
        """Builds the network that is scored; None where nothing is held out."""
        if not self.settings.holds_out:
            return None
        network = self._make(self.train_frames)
        print(f"{network.count_params():,} weights")
        return network

    def _make(self, frames: Frames) -> keras.Model:
        return training.make_segmenter(frames, self.classes, self.settings.recipe, self.settings.seed)

    def evaluate(self, network: keras.Model | None) -> Evaluation | None:
        """Scores a network on the held-out frames, at the photos' own size."""
        if network is None:
            return None
        kept = self._keep_some()
        rows = self.samples.iloc[self.held_out_rows]
        size = self.settings.size
        found = predict.score_samples(engine.prepare(network), rows, self.classes, size, keep=kept)
        return self._make_evaluation(found, kept)

    def fit_final(self, scored: keras.Model | None) -> keras.Model:
        """Trains on all frames with a mask: the network that was scored goes on, or a new one begins."""
        final = self._make(self.all_frames)
        if scored is not None:
            final.set_weights(scored.get_weights())
        return self._fit_final(final)

    def finish(self, evaluation: Evaluation | None) -> None:
        """Writes what was found, and says it."""
        result = {}
        if evaluation is not None:
            found = evaluation.found
            result = {"scores": {"grouped": found["scores"]}, "confusion": {"grouped": found["confusion"]}}
            miou = _in_percent(found["scores"]["miou"])
            count = len(evaluation.samples)
            print(f"Mean IoU on {self.title}: {miou} % ({count} frames, seed {self.settings.seed}).")
        self._finish(result, self._count_minutes(), "")


class Joint(Stage):
    """The joint network: what `Train_label_seg.ipynb` trains, starting from a finished segmentation network.

    Args:
        project: the data.
        choice: ESTIMATE, "off", "quick" or "full".

    Raises:
        FileNotFoundError: there is no finished segmentation network.
        ValueError: ESTIMATE is "off" in one of the two notebooks alone.
    """

    def __init__(self, project: Project, choice: str):
        self.choice = choice
        self.first = record.find_run("seg", project.train, project.classes)
        estimate.require_same_choice(choice, self.first)
        chosen = TrainingSettings.from_dict(self.first.settings)
        kept = {"SEGMENTER": self.first.folder.name, "JUDGED": chosen.holds_out}
        kept |= {name: self.first.settings[name] for name in ("SIZE", "MINUTES", "EPOCHS", "SEED")}
        super().__init__(project, chosen, "joint", kept)
        self.outcomes: dict[str, dict] = {}

    def _split(self) -> Split:
        chosen = self.settings
        blocks = split.find_blocks(self.samples, self.frames.images, chosen.group)
        train, held_out, _ = split.split_samples(self.samples, blocks, chosen.seed)
        found = Split(train, held_out, record.read_result(self.first)["leaky"], blocks)
        held_out_words = f"validation on {metrics.name_held_out(found.leaky)}"
        print(
            f"Starts from {self.first.folder}; {held_out_words if chosen.holds_out else 'none is held out'}."
        )
        return found

    def _teaching_rows(self) -> np.ndarray:
        return self.frames.useful

    def build(self) -> keras.Model | None:
        """Builds the network that is scored, on the segmentation network that was; None where none was."""
        if not self.settings.holds_out:
            return None
        network = self._make("held_out", self.train_frames)
        print(f"{network.count_params():,} weights")
        return network

    def _make(self, part: str, frames: Frames) -> keras.Model:
        segmenter = model.load_model(self.first.folder / part / "model.keras")
        return training.make_joint(segmenter, frames, self.classes, self.settings.recipe, self.settings.seed)

    def evaluate(self, network: keras.Model | None) -> Evaluation | None:
        """Scores a network on the held-out frames, at the photos' own size, and finds its temperature."""
        if network is None:
            return None
        kept = self._keep_some()
        rows = self.samples.iloc[self.held_out_rows]
        found = estimate.judge(engine.prepare(network), rows, self.classes, self.settings.size, keep=kept)
        return self._make_evaluation(found, kept)

    def fit_final(self) -> keras.Model:
        """Trains the network that is submitted, on all frames with a mask or a label."""
        return self._fit_final(self._make("final", self.all_frames))

    def export(self, final: keras.Model, scored: keras.Model | None, evaluation: Evaluation | None) -> None:
        """Writes the networks as files for a robot, and says what rounding costs on the held-out frames."""
        classes = self.classes
        about = {"classes": ", ".join(classes.mask.names), "labels": ", ".join(classes.label.names)}
        path = engine.export(final, self.run.folder / "export", about)
        print(f"For a robot, without this project: {path}")
        if scored is None:
            return
        path = engine.export(scored, self.run.folder / "held_out" / "export", about)
        kinds = {f"half as large, {engine.HALF}": engine.Engine(path.with_name(engine.HALF))}
        if engine.has_bfloat16():
            kinds["in bfloat16, as Save_test counts here"] = engine.Engine(path, exact=False)
        for kind, other in kinds.items():
            scores = predict.score_samples(other, evaluation.samples, classes, self.settings.size)["scores"]
            change = 100 * (scores["miou"] - evaluation.found["scores"]["miou"])
            print(f"The judged network {kind}: {change:+.2f} points of mean IoU on {self.title}.")

    @property
    def folds(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Rows that each fold of ESTIMATE="full" trains on and holds out, by name; none for the others."""
        if self.choice != "full":
            return {}
        others = split.make_folds(self.samples, self.split.blocks, self.split.train, self.settings.seed)
        return {f"fold {number}": sides for number, sides in enumerate(others, start=2)}

    def fit_folds(self, leaky: bool = False, jobs: int = 1, ray: str = "") -> None:
        """Trains a network for each fold, and one without random frames where that is asked for.

        Args:
            leaky: trains also without random frames, to show how much too high their score is.
            jobs: trainings at once on this machine.
            ray: "auto" or the address of a Ray cluster.
        """
        sides = self.folds
        if sides:
            sides[folds.SHORT] = (self.split.train, self.split.held_out)
        listed = folds.list_folds(self.run, self.first, self.project.folder, sides)
        if leaky:
            random = {RANDOM: split.draw_frames(self.samples, self.settings.seed)}
            listed += folds.list_folds(self.run, self.first, self.project.folder, random, share=1)
        found = folds.train_folds(listed, jobs, ray)
        self.outcomes = dict(zip([fold.name for fold in listed], found, strict=True))

    def gather_evidence(self, evaluation: Evaluation | None) -> dict[str, dict]:
        """Gathers what was found on held-out frames, by fold; a whole training corrects the short ones."""
        evidence = {} if evaluation is None else {"held out": evaluation.found}
        short = self.outcomes.get(folds.SHORT)
        if short:
            others = {
                name: found for name, found in self.outcomes.items() if name not in (folds.SHORT, RANDOM)
            }
            evidence |= estimate.lengthen(others, evaluation.found, short)
        return evidence

    def table_of_folds(self, evaluation: Evaluation | None) -> pd.DataFrame:
        """Lists the scores and temperatures of the folds, in percent."""
        others = {folds.SHORT: self.outcomes.get(folds.SHORT), metrics.RANDOM: self.outcomes.get(RANDOM)}
        known = {name: found for name, found in others.items() if found}
        return estimate.table_of_folds(self.gather_evidence(evaluation), known)

    def estimate_test(self, scored: keras.Model | None, evaluation: Evaluation | None) -> dict:
        """Estimates the scores on Test from its photos; gives what the run's result holds of it."""
        leaked = self.outcomes.get(RANDOM)
        result = {"note": self.project.note, "leaky": self.split.leaky, "scores": {}}
        if leaked:
            result["scores"]["random"] = leaked["scores"]
        if evaluation is None:
            return result
        evidence = self.gather_evidence(evaluation)
        test, size = self.project.test, self.settings.size
        submitted = engine.open_exported(self.run.folder)
        outlook = estimate.look_ahead(submitted, test, size, second=engine.prepare(scored))
        expected = estimate.estimate_test(outlook, split.find_recordings(test), list(evidence.values()))
        if (self.samples["label"] == NO_LABEL).all():
            expected["f1"] = None  # none was learned
        result["scores"] |= {"estimate": expected, "grouped": evaluation.found["scores"]}
        result["confusion"] = {"grouped": evaluation.found["confusion"]}
        result["folds"] = evidence
        return result

    def finish(self, evaluation: Evaluation | None, result: dict) -> None:
        """Writes what was found, and says it.

        Args:
            evaluation: of `evaluate`.
            result: of `estimate_test`.
        """
        earlier = record.read_result(self.first)
        minutes = earlier["minutes"] + self._count_minutes()
        minutes += sum(found["minutes"] for name, found in self.outcomes.items() if name != RANDOM)
        result["val_frames"] = len(self.held_out_rows)
        if evaluation is not None:
            result["scores"]["grouped_segmenter"] = earlier["scores"]["grouped"]
            print(f"On {self.title} (seed {self.settings.seed}), in percent:")
            print("\n".join(evaluation.describe()))
        self._finish(result, minutes, " in all")
