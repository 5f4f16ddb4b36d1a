"""The zip of a trained joint network: what `Save_test.ipynb` writes, checks and, where it can, scores."""

import pandas as pd
from IPython.display import HTML

from src import runs
from src.common import files
from src.data.reference import add_truth, check_reference
from src.evaluation import metrics
from src.evaluation.evaluate import score_samples
from src.figures import widgets
from src.inference import engine, predict
from src.model import unet
from src.project import Project
from src.scores import Scores, read_scored
from src.settings import check_choice
from src.submission import archive, cache
from src.submission.read import find_submission, fingerprint_content, score_submission
from src.submission.write import FOLDER, name_submission, write_submission

BY_TRUTH = ("test", "test_segmenter", "constant")  # splits that are scored by the reference


class Submission:
    """Predicts Test with a finished joint network, and packs the zip.

    Args:
        project: the data, Test included.
        name: of the run; "" takes the last one on these data.

    Raises:
        MissingError: there is no such run, or it has not ended.
    """

    def __init__(self, project: Project, name: str = ""):
        self.project = project
        self.run = runs.find_run("joint", project.train, project.classes, name)
        self.size = tuple(self.run.settings["SIZE"])
        self.network = engine.open_exported(self.run.folder)
        earlier = runs.read_result(self.run)
        kept = ("estimate", "competition")
        self.scores = {split: earlier.scores[split] for split in kept if split in earlier.scores}
        self.tta = True if earlier.tta is None else earlier.tta
        print(f"Frames of Test: {len(project.test)}. Network: {self.run.folder}.")

    def write(self, tta: bool = True, channels: int = 3, ray: str = "") -> pd.DataFrame:
        """Predicts the frames that are not predicted yet, writes the zip and reads it back.

        Args:
            tta: test-time augmentation, averages over `predict.VIEWS` of each photo.
            channels: of the mask files, 3 equal ones or 1.
            ray: "auto" or the address of a Ray cluster to spread the frames over.

        Returns:
            How many frames were given each label.

        Raises:
            SettingsError: there are no masks of so many channels.
            SubmissionError: the zip breaks a rule, or a stored mask is missing; run this again.
        """
        check_choice("CHANNELS", channels)
        test = self.project.test
        classes = self.project.classes
        kept = cache.open_cache(self.run, test, classes, tta, channels)
        known = len(kept.read())
        if ray:
            predictions = predict.predict_shards(self.run.folder, test, self.size, tta, known, ray=ray)
        else:
            predictions = predict.predict_samples(self.network, test, self.size, tta, known)
        self.tta = tta
        # Scores of an earlier zip, if this cell runs again, say nothing about the new one.
        self.scores = {split: scores for split, scores in self.scores.items() if split == "estimate"}
        self.path = write_submission(
            name_submission(self.run, self.scores),
            test,
            predictions,
            classes,
            kept,
            channels,
            files.describe_origin(self.run.folder),
        )
        runs.drop_scores(self.run, *BY_TRUTH)  # they told of an earlier zip
        content = fingerprint_content(self.path)
        self._keep_competition(content)
        self._drop_equal_zip(content)
        runs.write_result(self.run, {"tta": tta, "zip": self.path.name, "zip_content": content})
        names = dict(zip(classes.label.ids, classes.label.names, strict=True))
        labels = archive.read_table(self.path)["image_lvl_pred"].astype(int)
        return labels.map(names).value_counts().to_frame("frames")

    def _keep_competition(self, content: str) -> None:
        """Keeps what the competition gave if the new zip holds the same predictions, else drops it."""
        earlier = runs.read_result(self.run)
        if "competition" not in earlier.scores:
            return
        if content == earlier.zip_content:
            self.scores["competition"] = earlier.scores["competition"]
        else:
            runs.drop_scores(self.run, "competition")
            print("The competition scored an earlier zip with other predictions, so its score is dropped.")

    def _drop_equal_zip(self, content: str) -> None:
        """Deletes the run's earlier zip if it holds the same predictions under another name."""
        earlier = runs.read_result(self.run)
        path = FOLDER / earlier.zip
        if earlier.zip and earlier.zip_content == content and path != self.path:
            path.unlink(missing_ok=True)

    def score(self, scored: str = "") -> None:
        """Scores the zip where the truth is known, keeps what the competition gave, and prints the scores.

        Args:
            scored: mean IoU, accuracy and F1 that the competition gave, as `read_scored` reads them.

        Raises:
            MissingError: there is no zip yet.
            SettingsError: `scored` cannot be read.
            DataError: the truth breaks a rule.
        """
        self.path = find_submission(self.run)
        given = read_scored(scored)
        if given is not None:
            self.scores["competition"] = given
        if self.project.reference is None:
            print("The truth of Test is not known here, so nothing is scored.")
        else:
            self._score_by_reference()
        self.path = self.path.replace(name_submission(self.run, self.scores))
        runs.write_result(self.run, {"scores": self.scores, "zip": self.path.name})
        if "competition" in self.scores:
            print(f"The competition gave {self._describe_competition()}.")

    def _describe_competition(self) -> str:
        """Describes the mean IoU that the competition gave, and the error of its estimate."""
        given = self.scores["competition"].miou
        if given is None:
            return "no mean IoU"
        text = f"a mean IoU of {100 * given:.1f} %"
        if "estimate" not in self.scores:
            return text
        estimated = self.scores["estimate"].miou
        missed = 100 * (estimated - given)
        direction = "more" if missed > 0 else "less"
        return f"{text}; {100 * estimated:.1f} was estimated, {abs(missed):.1f} points {direction}"

    def _score_by_reference(self) -> None:
        """Scores the zip by the competition's program, and prints the scores."""
        reference = self.project.reference
        check_reference(reference, self.project.folder / "Test")  # opened only now, after the zip
        scored = score_submission(self.path, reference, self.project.classes)
        runs.drop_scores(self.run, *BY_TRUTH)  # they may be by another reference
        self.scores = {split: known for split, known in self.scores.items() if split not in BY_TRUTH}
        self.scores["test"] = Scores.from_dict(scored["scores"])
        comparable = not scored["others"]  # else what one answer gets would not be comparable
        if comparable:
            counts = scored["confusion"]
            self.scores["constant"] = metrics.score_constant(counts["mask"], counts["label"])
        runs.write_result(self.run, {"scores": self.scores, "confusion": {"test": scored["confusion"]}})
        for name, value in scored["scores"].items():
            print(f"{name:<20}{100 * value:6.1f} %")
        if comparable and self.scores["test"].miou is not None:
            self._score_segmenter()

    def _score_segmenter(self) -> None:
        """Scores the segmentation network that the joint one started from, on the same frames."""
        folder = runs.RUNS / self.run.settings["SEGMENTER"]
        network = engine.prepare(unet.load_submitted(folder))
        truth = add_truth(self.project.test, self.project.reference, self.project.classes)
        known = self.project.classes.ignore_unknown_ids()
        alone = score_samples(network, truth, known, self.size, self.tta).scores
        runs.write_result(self.run, {"scores": {"test_segmenter": alone}})
        print(f"The segmentation network alone: mIoU {100 * alone.miou:.1f} %.")

    def link(self) -> HTML:
        """Gives a link that saves the zip."""
        return widgets.link(self.path)
