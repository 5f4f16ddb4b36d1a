"""Shows that the tests find faults: `python tests/plant_faults.py`.

It plants each of these in a copy of the project, one at a time: one line of `src/`, an error that someone
might make. What is named behind a fault are the tests that find it, all of them among those of `make test`.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FAULTS = [  # file below src/, what stands there, what is planted, the tests that find it
    (
        "evaluation/metrics.py",
        "truth[counted].astype(np.int64) * classes + predicted[counted]",
        "predicted[counted].astype(np.int64) * classes + truth[counted]",
        "test_metrics.py",
    ),
    (
        "training/keras_metrics.py",
        "present = tf.cast(true > 0",
        "present = tf.cast(true >= 0",
        "test_metrics.py",
    ),
    (
        "training/losses.py",
        "counted = tf.cast(y_true != IGNORE",
        "counted = tf.cast(y_true >= 0",
        "test_losses.py",
    ),
    (
        "training/losses.py",
        "counted = tf.cast(y_true != NO_LABEL",
        "counted = tf.cast(y_true != 0",
        "test_losses.py",
    ),
    ("training/losses.py", "self.smoothing / classes", "self.smoothing", "test_losses.py"),
    (
        "training/batches.py",
        "int(epoch), int(position)",
        "int(epoch), int(row)",
        "test_fit.py test_samples.py",
    ),
    ("training/augment.py", "cv2.INTER_NEAREST, borderValue=IGNORE", "cv2.INTER_NEAREST", "test_augment.py"),
    ("training/augment.py", "crop[1] - 1 - shift_x", "crop[1] - shift_x", "test_augment.py"),
    (
        "training/optimizer.py",
        "else 1.0 for variable",
        "else 0.5 for variable",
        "test_optimizer.py test_fit.py",
    ),
    ("training/optimizer.py", "warmup_target=peak", "warmup_target=last", "test_optimizer.py"),
    ("training/fit.py", "make(first_step=done)", "make(first_step=0)", "test_fit.py"),
    ("training/label_head.py", "(image, image[:, :, ::-1])", "(image, image[:, ::-1])", "test_fit.py"),
    ("training/fit.py", "recipe.rate * JOINT_RATE if with_label", "recipe.rate if with_label", "test_fit.py"),
    ("training/lengths.py", "math.sqrt(FRAMES / frames)", "FRAMES / frames", "test_lengths.py test_docs.py"),
    ("model/layers.py", "2 * tf.shape(x)[1:3]", "2 * tf.shape(x)[2:0:-1]", "test_unet.py"),
    (
        "model/layers.py",
        "self.momentum * moving + (1 - self.momentum) * current",
        "self.momentum * current + (1 - self.momentum) * moving",
        "test_unet.py",
    ),
    (
        "model/efficientnet_lite.py",
        'weights == "imagenet"',
        'weights != "imagenet"',
        "test_efficientnet_lite.py test_unet.py",
    ),
    ("data/recordings.py", "clip(lower=SMALLEST_GAP)", "clip(upper=SMALLEST_GAP)", "test_splits.py"),
    ("data/audit.py", "100 * count > len(audit)", "10 * count > len(audit)", "test_splits.py"),
    (
        "data/classes.py",
        "table[self.ignore_id] = IGNORE",
        "table[self.ignore_id] = UNKNOWN",
        "test_classes.py",
    ),
    (
        "data/tables.py",
        'text = text.replace(",", ".")',
        'text = text.replace(",", "")',
        "test_tables.py test_samples.py",
    ),
    (
        "data/orientation.py",
        '("exif", "profile", "xmp")',
        '("xmp", "profile", "exif")',
        "test_image_files.py test_mask_files.py",
    ),
    (
        "inference/predict.py",
        'outputs["mask"][:, ::-1] if mirrored',
        'outputs["mask"] if mirrored',
        "test_predict.py test_engine.py",
    ),
    ("inference/predict.py", "cv2.CMP_GT", "cv2.CMP_LT", "test_predict.py"),
    ("evaluation/estimate.py", "for share in (TRUST, 1, 0)", "for share in (1, 1, 0)", "test_estimate.py"),
    ("submission/cache.py", "self.classes.mask.decode(prediction.mask)", "prediction.mask", "test_write.py"),
    ("submission/archive.py", "if size > limit", "if size < limit", "test_check.py"),
    (
        "submission/scoring.py",
        "truth.astype(np.int64) * 256 + predicted",
        "predicted.astype(np.int64) * 256 + truth",
        "test_scoring.py",
    ),
    ("common/files.py", "beside.replace(path)", "beside.rename(beside)", "test_files.py"),
    ("common/cores.py", "math.ceil(limit)", "math.floor(limit)", "test_cores.py"),
]


def find_fault(copy: Path, fault: tuple[str, str, str, str], everything: bool) -> bool:
    """Plants one fault in a copy of the project, runs its tests and takes it out again."""
    name, before, after, tests = fault
    path = copy / "src" / name
    text = path.read_text(encoding="utf-8")
    if text.count(before) != 1:
        sys.exit(f"src/{name} must hold '{before}' once, found it {text.count(before)} times; change FAULTS.")
    path.write_text(text.replace(before, after), encoding="utf-8")
    chosen = [] if everything else [f"tests/{test}" for test in tests.split()]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", *chosen],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    path.write_text(text, encoding="utf-8")
    said = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    print(
        f"{'found ' if done.returncode == 1 else 'MISSED'}  {name}: {after}",
        *said[:1],
        sep="\n    ",
        flush=True,
    )
    return done.returncode == 1


def choose_left_out(folder: str, names: list[str]) -> set[str]:
    """Chooses what of a folder is not copied: at the top what the project makes, elsewhere compiled files."""
    if Path(folder) == ROOT:
        return {".venv", ".git", "runs", "world", "submissions"}
    return {"__pycache__"}


def main() -> None:
    """Plants every fault; exits with 1 where one was not found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="runs all tests for each, which takes hours")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "project"
        shutil.copytree(ROOT, copy, ignore=choose_left_out)
        found = [find_fault(copy, fault, arguments.all) for fault in FAULTS]
    print(f"{sum(found)} of {len(FAULTS)} planted faults were found.")
    sys.exit(0 if all(found) else 1)


if __name__ == "__main__":
    main()
