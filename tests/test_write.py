import json
import zipfile
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pandas as pd
import pytest
from conftest import draw_frame, write_set
from PIL import Image

from src import runs
from src.common import errors as errors_module
from src.data import classes as class_lists
from src.data.reference import add_truth
from src.data.samples import read_samples
from src.inference.predict import Prediction
from src.scores import Scores
from src.submission import archive, cache, check, scoring, write
from src.submission import read as read_module
from src.submission.names import name_predictions
from src.submission.read import (
    compare_frames,
    find_submission,
    read_notes,
    read_predictions,
    score_submission,
)
from src.submission.write import name_submission, write_submission


@pytest.fixture
def samples(train_folder, classes):
    return read_samples(train_folder, classes)


@pytest.fixture
def path(tmp_path, samples, classes):
    """A zip whose masks are right but for the last frame's, and whose labels are all 1."""
    predictions = [Prediction(draw_frame(i)[1], 1) for i in range(5)] + [
        Prediction(np.zeros((64, 96), np.uint8), 1)
    ]
    kept = cache.PredictionCache(tmp_path / "kept", classes)
    return write_submission(tmp_path / "try.zip", samples, iter(predictions), classes, kept)


def test_zip_reads_back_equal(path, samples, classes):
    with zipfile.ZipFile(path) as zipped:
        assert sorted(zipped.namelist()) == sorted(
            ["data.csv"] + [f"data/frame_00{i}_pred.png" for i in range(6)]
        )
        pixels = cv2.imdecode(
            np.frombuffer(zipped.read("data/frame_001_pred.png"), np.uint8), cv2.IMREAD_UNCHANGED
        )
    assert pixels.shape == (64, 96, 3) and (pixels == draw_frame(1)[1][..., None]).all()
    read = list(read_predictions(path, samples, classes, [1]))
    assert (read[0].mask == draw_frame(1)[1]).all() and read[0].label == 1
    with pytest.raises(ValueError, match=r"Test has changed since, so run Save_test\.ipynb again"):
        list(read_predictions(path, samples[::-1], classes, [1]))
    notes = read_notes(runs.Run(path.parent, {}), samples)
    assert notes["label"].tolist() == [1] * 6
    with pytest.raises(ValueError, match="Test has changed since"):
        read_notes(runs.Run(path.parent, {}), samples.iloc[:5])


def test_notes_are_read_where_photos_are_numbers_without_ending(tmp_path):
    names = ["0001", "0002"]
    notes = pd.DataFrame({"image_path": names, "label": 1, "expected_miou": 0.5})
    notes.to_csv(tmp_path / "test.csv", index=False)
    read = read_notes(runs.Run(tmp_path, {}), pd.DataFrame({"image_path": names}))
    assert read["image_path"].tolist() == names
    notes.drop(columns="expected_miou").to_csv(tmp_path / "test.csv", index=False)
    with pytest.raises(errors_module.OutdatedError, match=r"another version .* run Save_test\.ipynb again"):
        read_notes(runs.Run(tmp_path, {}), read)


def test_files_hold_ids_not_indices(tmp_path, samples, classes):
    spread = class_lists.Classes(
        replace(classes.mask, ids=(7, 20, 133)), replace(classes.label, ids=(4, 5, 9))
    )
    predictions = [Prediction(draw_frame(i)[1], 2) for i in range(6)]
    kept = cache.PredictionCache(tmp_path / "kept", spread)
    path = write_submission(tmp_path / "ids.zip", samples, predictions, spread, kept)
    with zipfile.ZipFile(path) as members:
        mask = archive.read_mask(members, "frame_001_pred.png")
    assert (mask == np.array([7, 20, 133])[draw_frame(1)[1]]).all()
    assert archive.read_table(path)["image_lvl_pred"].astype(int).tolist() == [9] * 6


def test_photos_of_one_name_are_told_apart_all_the_way_to_the_score(train_folder, classes, tmp_path):
    table = train_folder / "data.csv"
    for number in range(6):
        (train_folder / f"d{number}").mkdir()
        name = f"d{number}/0001.jpg"
        (train_folder / f"frame_00{number}.jpg").rename(train_folder / name)
        table.write_text(table.read_text().replace(f"frame_00{number}.jpg", name))
    samples = read_samples(train_folder, classes)
    predictions = [Prediction(draw_frame(i)[1], i % 3) for i in range(6)]
    kept = cache.PredictionCache(tmp_path / "kept", classes)
    path = write_submission(tmp_path / "try.zip", samples, predictions, classes, kept)
    with zipfile.ZipFile(path) as members:
        assert "data/d4_0001_pred.png" in members.namelist()
    assert check.find_faults(path, samples, classes) == []
    read = read_predictions(path, samples, classes, range(6))
    assert all((one.mask == draw_frame(i)[1]).all() and one.label == i % 3 for i, one in enumerate(read))
    truth = add_truth(samples, train_folder, classes)
    assert all(found[~np.eye(3, dtype=bool)].sum() == 0 for found in compare_frames(path, truth, classes))
    scores = score_submission(path, train_folder, classes)["scores"]
    assert (scores["miou"], scores["f1"]) == (1, 1)


def test_one_channel_on_request(tmp_path, samples, classes):
    predictions = [Prediction(draw_frame(i)[1], 0) for i in range(6)]
    kept = cache.PredictionCache(tmp_path / "kept", classes)
    path = write_submission(tmp_path / "one.zip", samples, predictions, classes, kept, channels=1)
    with zipfile.ZipFile(path) as members:
        assert archive.read_mask(members, "frame_001_pred.png").shape == (64, 96)


def test_a_zip_over_the_limit_is_kept_and_says_so(tmp_path, samples, classes, monkeypatch, capsys):
    monkeypatch.setattr(write, "LIMIT", 0.0001)
    predictions = [Prediction(draw_frame(i)[1], 0) for i in range(6)]
    kept = cache.PredictionCache(tmp_path / "kept", classes)
    path = write_submission(tmp_path / "large.zip", samples, predictions, classes, kept)
    assert path.exists() and "large.zip has 0 MB, and CodaLab takes 0.0001" in capsys.readouterr().out


def test_prediction_goes_on_after_the_last_whole_frame(tmp_path, samples, classes, path):
    kept = cache.PredictionCache(tmp_path / "kept", classes)
    predictions = [Prediction(draw_frame(i)[1], 1) for i in range(5)]
    predictions.append(Prediction(np.zeros((64, 96), np.uint8), 1))

    def break_off():
        yield from predictions[:3]
        raise KeyboardInterrupt

    again = tmp_path / "again.zip"
    with pytest.raises(KeyboardInterrupt):
        write_submission(again, samples, break_off(), classes, kept)
    assert not again.exists() and list(kept.read()["label"]) == [1, 1, 1]
    with (kept.folder / "frames.csv").open("a") as file:
        file.write("1")  # a line that was broken off
    assert list(kept.read()["label"]) == [1, 1, 1]
    write_submission(again, samples, iter(predictions[3:]), classes, kept)
    assert again.read_bytes() == path.read_bytes() and not kept.folder.exists()


def test_after_a_lost_mask_all_frames_are_predicted_again(tmp_path, samples, classes):
    kept = cache.PredictionCache(tmp_path / "kept", classes)
    kept.add((Prediction(draw_frame(i)[1], 1) for i in range(6)), name_predictions(samples), 3)
    (kept.folder / "frame_002_pred.png").unlink()
    with pytest.raises(errors_module.SubmissionError, match=r"frame_002_pred\.png .* run Save_test"):
        write_submission(tmp_path / "try.zip", samples, iter([]), classes, kept)
    assert list(kept.read()["label"]) == []


@pytest.mark.parametrize("other", [False, True])  # another frame's whole mask is no better
def test_a_kept_frame_that_broke_is_predicted_anew(tmp_path, samples, classes, other):
    kept = cache.PredictionCache(tmp_path / "kept", classes)
    predictions = [Prediction(draw_frame(i)[1], 1) for i in range(6)]
    names = name_predictions(samples)
    kept.add(iter(predictions), names, 3)
    broken = (kept.folder / names[1]).read_bytes() if other else b"half"
    (kept.folder / names[2]).write_bytes(broken)
    with pytest.raises(errors_module.SubmissionError, match=r"frame_002_pred\.png"):
        write_submission(tmp_path / "try.zip", samples, iter([]), classes, kept)
    assert not (tmp_path / "try.zip").exists() and list(kept.read()["label"]) == []


def test_a_clean_up_that_was_broken_off_leaves_nothing_to_go_on_from(
    tmp_path, samples, classes, path, monkeypatch
):
    kept = cache.PredictionCache(tmp_path / "kept", classes)
    predictions = [Prediction(draw_frame(i)[1], 1) for i in range(5)]
    predictions.append(Prediction(np.zeros((64, 96), np.uint8), 1))

    def break_off(folder):
        (folder / name_predictions(samples)[0]).unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(cache.shutil, "rmtree", break_off)
        write_submission(tmp_path / "try.zip", samples, iter(predictions), classes, kept)
    assert kept.folder.exists() and len(kept.read()) == 0
    again = write_submission(tmp_path / "again.zip", samples, iter(predictions), classes, kept)
    assert again.read_bytes() == path.read_bytes()


def test_a_zip_of_our_own_may_be_as_large_as_its_frames_ask(tmp_path, samples, classes, path, monkeypatch):
    monkeypatch.setattr(archive, "MOST_UNPACKED", 1e-4)
    check.check_submission(path, samples, classes, limit=np.inf)
    with pytest.raises(errors_module.SubmissionError, match="would unpack to"):
        check.check_submission(path, samples, classes)


def test_a_mask_of_another_size_than_its_photo_makes_no_zip(tmp_path, samples, classes):
    predictions = [Prediction(draw_frame(i)[1][: 63 if i == 4 else 64], 1) for i in range(6)]
    kept = cache.PredictionCache(tmp_path / "kept", classes)
    with pytest.raises(
        errors_module.SubmissionError, match=r"frame_004_pred\.png must be 64 x 96 .*found 63 x 96"
    ):
        write_submission(tmp_path / "try.zip", samples, predictions, classes, kept)
    assert not (tmp_path / "try.zip").exists()


def test_score_equals_a_few_lines_of_numpy(path, train_folder, classes):
    truth = np.stack([draw_frame(i)[1] for i in range(6)])
    predicted = truth.copy()
    predicted[5] = 0
    iou = [
        ((truth == c) & (predicted == c)).sum() / ((truth == c) | (predicted == c)).sum() for c in range(3)
    ]
    scored = score_submission(path, train_folder, classes)
    assert scored["scores"]["miou"] == pytest.approx(np.mean(iou))
    assert scored["scores"]["iou_red"] == pytest.approx(iou[1])
    assert scored["scores"]["accuracy"] == pytest.approx(1 / 3) and scored["scores"]["f1"] == pytest.approx(
        0.5 / 3
    )
    assert scored["confusion"]["label"] == [[0, 2, 0], [0, 2, 0], [0, 2, 0]] and scored["others"] == 0
    other = truth[0].copy()
    other[:2] = 7  # a class that Train does not know
    cv2.imwrite(str(train_folder / "frame_000_seg.png"), other)
    assert score_submission(path, train_folder, classes)["others"] == 1


@pytest.mark.parametrize(
    "written", ["{folder}/frame_000_seg.png", "Train/frame_000_seg.png", "Frame_000_SEG.PNG"]
)
def test_the_masks_of_a_reference_are_found_as_those_of_train_are(path, train_folder, classes, written):
    right = score_submission(path, train_folder, classes)
    table = train_folder / "data.csv"
    table.write_text(table.read_text().replace("frame_000_seg.png", written.format(folder=train_folder)))
    samples = read_samples(train_folder, classes)
    assert add_truth(samples, train_folder, classes)["mask"][0] == str(train_folder / "frame_000_seg.png")
    assert score_submission(path, train_folder, classes) == right


def test_a_mask_that_the_reference_lacks_is_refused_by_name(path, train_folder, classes):
    (train_folder / "frame_002_seg.png").unlink()
    with pytest.raises(scoring.ScoringError, match=r"frame_002_seg\.png of the reference must be"):
        score_submission(path, train_folder, classes)


def test_a_large_zip_of_our_own_is_scored(path, train_folder, classes, monkeypatch):
    small = partial(archive.list_members, limit=0.0001)
    with pytest.raises(errors_module.SubmissionError, match=r"at most 0\.0001 MB"):
        small(path)
    monkeypatch.setattr(archive.list_members, "__defaults__", (0.0001,))
    assert score_submission(path, train_folder, classes)["scores"]["miou"] > 0.5


def test_check_asks_the_worlds_frames_where_test_is_empty(path, train_folder, tmp_path, monkeypatch, command):
    (tmp_path / "world").mkdir()
    train_folder.rename(tmp_path / "world" / "Train")
    write_set(tmp_path / "world" / "Test", range(6), with_answers=False)
    monkeypatch.chdir(tmp_path)
    assert command("check", path)[1].startswith("try.zip: every frame is there")
    (tmp_path / "world" / "Test" / "frame_005.jpg").rename(tmp_path / "world" / "Test" / "other.jpg")
    table = tmp_path / "world" / "Test" / "data.csv"
    table.write_text(table.read_text().replace("frame_005", "other"))
    code, _, errors = command("check", path)
    assert code == 2 and "frame_005" in errors


def test_the_zip_of_a_run_is_the_one_that_its_result_names(tmp_path, monkeypatch):
    monkeypatch.setattr(read_module, "FOLDER", tmp_path)
    run = runs.Run(tmp_path / "joint-a", {})
    runs.write_result(run, {"minutes": 1})
    (tmp_path / "2026-01-02_joint-a.zip").touch()  # of an earlier network, say
    message = r"must hold a zip of joint-a, found none; run Save_test\.ipynb first"
    with pytest.raises(FileNotFoundError, match=message):
        find_submission(run)
    runs.write_result(run, {"zip": "2026-01-01_joint-a_est40.0-none-62.0.zip"})
    with pytest.raises(FileNotFoundError, match=r"must hold the zip 2026-01-01_joint-a_est"):
        find_submission(run)
    path = tmp_path / "2026-01-01_joint-a_est40.0-none-62.0.zip"
    path.touch()
    assert find_submission(run) == path


def test_name_carries_the_known_scores(tmp_path):
    run = runs.Run(tmp_path / "joint-x-0123", {})
    scores = {
        "estimate": Scores(miou=0.4, f1=0.62, accuracy=0.5),
        "test": Scores(miou=0.381, f1=0.782, accuracy=0.779),
    }
    name = name_submission(run, scores).name
    assert name.endswith("_joint-x-0123_est40.0-50.0-62.0_test38.1-77.9-78.2.zip")


def test_scoring_program_as_the_server_starts_it(path, train_folder, tmp_path, monkeypatch, capsys):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "ref").symlink_to(train_folder)
    with zipfile.ZipFile(path) as zipped:
        zipped.extractall(tmp_path / "in" / "res")
    monkeypatch.setattr("sys.argv", ["scoring", str(tmp_path / "in"), str(tmp_path / "out")])
    scoring.main()
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    lines = (tmp_path / "out" / "scores.txt").read_text().splitlines()
    assert set(scores) == {"miou", "f1", "accuracy", "iou_ground", "iou_red", "iou_green"}
    assert lines[0] == f"miou: {scores['miou']:.6f}"
    (tmp_path / "in" / "res" / "data" / "frame_004_pred.png").unlink()
    with pytest.raises(SystemExit) as stop:
        scoring.main()
    assert stop.value.code == 2 and "data/frame_004_pred.png" in capsys.readouterr().err


def test_ignored_pixels_do_not_count_and_gaps_are_allowed(tmp_path):
    for folder, ids in (("ref", [[3, 3, 9, 7]]), ("res/data", [[3, 7, 3, 7]])):
        (tmp_path / folder).mkdir(parents=True)
        Image.fromarray(np.array(ids, np.uint8)).save(tmp_path / folder / "a.png")
    (tmp_path / "ref" / "data.csv").write_text("image_path,label_path,image_lvl_label\na.jpg,a.png,2.0\n")
    (tmp_path / "ref" / "classes.csv").write_text("task,id,name\nmask,3,x\nmask,7,y\nmask,9,ignore\n")
    (tmp_path / "res" / "data.csv").write_text("image_path,pred_name,image_lvl_pred\na.jpg,a.png,2\n")
    scores, _ = scoring.score(str(tmp_path / "ref"), str(tmp_path / "res"))
    assert scores == pytest.approx({"miou": 0.5, "iou_x": 0.5, "iou_y": 0.5, "f1": 1.0, "accuracy": 1.0})


def test_255_is_a_class_where_the_reference_says_so(tmp_path):
    for folder, ids in (("ref", [[0, 0, 255, 255]]), ("res/data", [[0, 0, 0, 0]])):
        (tmp_path / folder).mkdir(parents=True)
        Image.fromarray(np.array(ids, np.uint8)).save(tmp_path / folder / "a.png")
    (tmp_path / "ref" / "data.csv").write_text("image_path;label_path\nphotos\\a.jpg;a.png\n")
    (tmp_path / "ref" / "classes.csv").write_text("task,id,name\nmask,0,x\nmask,255,y\n")
    (tmp_path / "res" / "data.csv").write_text("image_path,pred_name,image_lvl_pred\nphotos/a.jpg,a.png,2\n")
    scores, _ = scoring.score(str(tmp_path / "ref"), str(tmp_path / "res"))
    assert scores == pytest.approx({"miou": 0.25, "iou_x": 0.5, "iou_y": 0.0})
