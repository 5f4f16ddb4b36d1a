from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pandas as pd
import pytest
from conftest import HEIGHT, WIDTH, draw_frame
from PIL import Image

from src.common import errors, sizes
from src.data import frames as frames_module
from src.data import image_files, mask_files
from src.data.classes import IGNORE, NO_LABEL
from src.data.frames import Frames, load_frames
from src.data.paths import name_frames
from src.data.recordings import find_blocks
from src.data.reference import add_truth, check_reference
from src.data.samples import fingerprint_data, inspect_samples, read_samples, require_masks
from src.settings import Recipe
from src.training import augment, batches


def edit_table(folder, change):
    table = pd.read_csv(folder / "data.csv", dtype=str)
    change(table)
    table.to_csv(folder / "data.csv", index=False)


def test_samples_hold_what_the_headers_say(train_folder, classes):
    samples = read_samples(train_folder, classes)
    assert samples["label"].tolist() == [0, 1, 2, 0, 1, 2]
    assert set(samples["height"]) == {HEIGHT} and set(samples["width"]) == {WIDTH}
    assert samples["robot"].tolist() == ["robot0"] * 2 + ["robot1"] * 2 + ["robot2"] * 2
    assert str(samples["time"].iloc[0]) == "2026-05-01 10:00:00+00:00"


def test_empty_answers_are_known_as_such(train_folder, classes):
    def empty(table):
        table.loc[0, "label_path"], table.loc[1, "image_lvl_label"] = "", ""

    edit_table(train_folder, empty)
    samples = read_samples(train_folder, classes)
    frames = load_frames(samples, classes, (64, 96))
    assert frames.has_mask.tolist() == [False] + [True] * 5
    assert (frames.masks[0] == IGNORE).all() and frames.labels[1] == NO_LABEL


@pytest.mark.parametrize(
    "picture, words",
    [
        (np.full((HEIGHT, WIDTH), 9, np.uint8), r"\[9\]"),
        (np.full((HEIGHT, WIDTH), 1, np.uint16), "8-bit"),
        (
            np.dstack([np.zeros((HEIGHT, WIDTH), np.uint8)] * 2 + [np.ones((HEIGHT, WIDTH), np.uint8)]),
            "channels that differ",
        ),
    ],
)
def test_masks_that_are_no_ids_are_refused(train_folder, classes, picture, words):
    cv2.imwrite(str(train_folder / "frame_000_seg.png"), picture)
    with pytest.raises(errors.DataError, match=words):
        mask_files.load_mask(str(train_folder / "frame_000_seg.png"), classes.mask)


def test_frames_of_one_name_are_told_apart_by_their_folders():
    paths = ["a/x/0001.jpg", "b/x/0001.jpg", "b/y/0001.jpg", "b/y/0002.5.jpg", "0003.jpg"]
    samples = pd.DataFrame({"image_path": paths}, index=[4, 3, 2, 1, 0])
    names = name_frames(samples)
    assert names.tolist() == ["a/x/0001", "b/x/0001", "y/0001", "0002.5", "0003"]
    assert names.index.tolist() == [4, 3, 2, 1, 0]
    assert name_frames(samples[:0]).empty


def test_palette_mask_gives_its_ids(tmp_path, classes):
    ids = draw_frame(1)[1]
    picture = Image.fromarray(ids)
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    picture.save(tmp_path / "mask.png")
    assert (mask_files.load_mask(str(tmp_path / "mask.png"), classes.mask) == ids).all()


def test_photo_is_rgb_whatever_the_file_is(tmp_path):
    red = np.zeros((16, 24, 3), np.uint8)
    red[..., 0] = 200
    Image.fromarray(red).save(tmp_path / "red.png")
    Image.fromarray(red).convert("RGBA").save(tmp_path / "red_alpha.png")
    Image.fromarray(red[..., 0]).save(tmp_path / "grey.png")
    for name, expected in (("red", [200, 0, 0]), ("red_alpha", [200, 0, 0]), ("grey", [200, 200, 200])):
        photo = image_files.load_photo(str(tmp_path / f"{name}.png"), (16, 24))
        assert photo.dtype == np.uint8 and photo[3, 3].tolist() == expected


def test_exif_rotation_is_applied(tmp_path):
    photo = np.zeros((16, 32, 3), np.uint8)
    photo[:, 16:] = 255  # white on the right; orientation 6 turns it a quarter clockwise: white below
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(photo).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    assert image_files.read_size(str(tmp_path / "turned.jpg")) == (32, 16)
    turned = image_files.load_photo(str(tmp_path / "turned.jpg"), (32, 16))
    assert turned[4].mean() < 10 and turned[28].mean() > 245


def test_reduced_decoding_equals_full_decoding(tmp_path):
    smooth = cv2.resize(np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8), (768, 512))
    cv2.imwrite(str(tmp_path / "large.jpg"), smooth, [cv2.IMWRITE_JPEG_QUALITY, 98])
    small = image_files.load_photo(str(tmp_path / "large.jpg"), (64, 96)).astype(int)
    full = cv2.resize(cv2.cvtColor(smooth, cv2.COLOR_BGR2RGB), (96, 64), interpolation=cv2.INTER_AREA).astype(
        int
    )
    assert np.abs(small - full).mean() < 2


def test_resizing_a_mask_invents_no_class(tmp_path, classes):
    ids = np.tile(np.array([0, 2], np.uint8), (64, 48))
    cv2.imwrite(str(tmp_path / "mask.png"), ids)
    assert set(np.unique(mask_files.load_mask(str(tmp_path / "mask.png"), classes.mask, (32, 64)))) <= {0, 2}


def test_size_follows_the_photos():
    def table(height, width):
        return pd.DataFrame({"height": [height], "width": [width]})

    assert sizes.choose_size(table(720, 1280), "auto") == (288, 512)
    assert sizes.choose_size(table(360, 480), "auto") == (352, 480)
    assert sizes.choose_size(table(227, 320), "auto") == (352, 480)  # enlarged up to the budget
    assert sizes.choose_size(table(64, 96), "auto") == (128, 192)  # and to twice the photo at most
    with pytest.raises(ValueError, match=r"nearest is \(96, 128\)"):
        sizes.choose_size(table(64, 96), (100, 130))
    assert image_files.orient_size((352, 480), 683, 512) == (480, 352)
    # 0.75 * 352 = 8.25 * 32, 0.75 * 480 = 11.25 * 32; 1.25 * 352 = 13.75 * 32, 1.25 * 480 = 18.75 * 32
    assert sizes.scale_size((352, 480), 0.75) == (256, 352)
    assert sizes.scale_size((352, 480), 1.25) == (448, 608)
    assert sizes.scale_size((32, 32), 0.1) == (32, 32)


@pytest.mark.parametrize("size", [320, "large", (320,), (320.0, 480), ("320", "480")])
def test_sizes_that_are_none_are_refused(size):
    with pytest.raises(ValueError, match=r"SIZE must be 'auto' or \(height, width\) in px, found"):
        sizes.check_size(size)


def test_a_photo_with_a_film_behind_it_is_whole(tmp_path):
    photo = np.full((64, 96, 3), 90, np.uint8)
    content = cv2.imencode(".jpg", photo)[1].tobytes()
    (tmp_path / "a.jpg").write_bytes(content + b"film \xff\xda film")  # as a start of scan without an end
    assert abs(image_files.load_photo(str(tmp_path / "a.jpg"), (64, 96)).astype(int) - 90).max() < 3
    (tmp_path / "a.jpg").write_bytes(content[: len(content) // 2])
    with pytest.raises(errors.DataError):
        image_files.load_photo(str(tmp_path / "a.jpg"), (64, 96))


def test_large_sets_lie_in_a_file_and_read_the_same(train_folder, classes, monkeypatch):
    samples = read_samples(train_folder, classes)
    kept = load_frames(samples, classes, (64, 96))
    monkeypatch.setattr(frames_module, "MEMORY_LIMIT", 1000)
    paged = load_frames(samples, classes, (64, 96))
    assert isinstance(paged.images[0].base, np.memmap) or isinstance(paged.images[0], np.memmap)
    assert all(
        (a == b).all() for a, b in zip(kept.images + kept.masks, paged.images + paged.masks, strict=True)
    )


def make_frames(kinds):
    """Frames by kind: "b" has both answers, "m" a mask, "l" a label."""
    count = len(kinds)
    labels = np.array([NO_LABEL if kind == "m" else 0 for kind in kinds], np.int32)
    image, mask = np.zeros((32, 32, 3), np.uint8), np.zeros((32, 32), np.uint8)
    return Frames([image] * count, [mask] * count, labels, np.array([kind != "l" for kind in kinds]))


KINDS = [
    "b" * 20,
    "m" * 19 + "l",
    "b" + "m" * 15 + "l" * 15,
    "m" * 9,
    "l" * 9,
    "m" * 50 + "b" * 3,
    "l" * 30 + "b",
]


@pytest.mark.parametrize("kinds", KINDS)
@pytest.mark.parametrize("batch_size", [2, 3, 4])
def test_every_batch_teaches_both_tasks_and_every_epoch_holds_every_frame(kinds, batch_size):
    frames = make_frames(kinds)
    for epoch in range(5):
        rows = batches.order_rows(frames, batch_size, 0, epoch, with_label=True)
        assert set(rows) == set(range(len(kinds)))
        if (frames.labels != NO_LABEL).any():
            assert (frames.labels[rows] != NO_LABEL).reshape(-1, batch_size).any(1).all()
        if frames.has_mask.any():
            assert frames.has_mask[rows].reshape(-1, batch_size).any(1).all()


def test_without_labels_only_frames_with_a_mask_are_rows():
    rows = batches.order_rows(make_frames("bmbml"), 2, seed=0, epoch=0, with_label=False)
    assert sorted(rows) == [0, 1, 2, 3]


def test_order_is_settled_by_seed_and_epoch():
    frames = make_frames("b" * 40)
    orders = [
        batches.order_rows(frames, 8, seed, epoch, with_label=False).tolist()
        for seed, epoch in ((0, 0), (0, 0), (0, 1), (1, 0))
    ]
    assert orders[0] == orders[1] and sorted(orders[0]) == list(range(40))
    assert orders[0] != orders[2] and orders[0] != orders[3]


def test_fewer_frames_than_a_batch_still_make_one():
    assert len(batches.order_rows(make_frames("bm"), 8, seed=0, epoch=0, with_label=False)) == 8


def test_a_frame_that_comes_again_in_an_epoch_comes_as_another_view():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    frames = Frames([noise], [noise[..., 0] % 3], np.array([1], np.int32), np.ones(1, bool))
    how = {"batch_size": 4, "crop": (32, 32), "seed": 0, "with_label": True}
    change = partial(augment.augment, recipe=Recipe())
    image, target = next(iter(batches.make_batches(frames, change, **how)))
    views = {view.tobytes() for view in image.numpy()}
    assert len(views) == 4 and target["label"].numpy().tolist() == [1, 1, 1, 1]


def test_batches_go_on_where_a_training_stopped(train_folder, classes):
    frames = load_frames(read_samples(train_folder, classes), classes, (64, 96))
    recipe = {"batch_size": 3, "crop": (32, 64), "seed": 5, "with_label": True}
    change = partial(augment.augment, recipe=Recipe())
    whole = list(batches.make_batches(frames, change, **recipe).take(4))
    later = list(batches.make_batches(frames, change, first_step=1, **recipe).take(3))  # two are a pass
    for (image, target), (image_again, target_again) in zip(whole[1:], later, strict=True):
        assert (image.numpy() == image_again.numpy()).all()
        assert all((target[key].numpy() == target_again[key].numpy()).all() for key in ("mask", "label"))


def test_whole_batches_keep_upright_photos_apart():
    lying, upright = np.zeros((32, 64, 3), np.uint8), np.zeros((64, 32, 3), np.uint8)
    images = [lying, upright, lying]
    frames = Frames(images, [image[..., 0] for image in images], np.arange(3), np.ones(3, bool))
    shapes = [
        (image.shape, target["label"].numpy().tolist())
        for image, target in batches.make_whole_batches(frames, 8, True)
    ]
    assert shapes == [((2, 32, 64, 3), [0, 2]), ((1, 64, 32, 3), [1])]


def test_fingerprint_follows_the_data(train_folder, classes):
    before = fingerprint_data(read_samples(train_folder, classes), classes)
    assert before == fingerprint_data(read_samples(train_folder, classes), classes)
    painted = replace(classes, mask=replace(classes.mask, colors=("#123456",) * 3))
    assert before == fingerprint_data(read_samples(train_folder, classes), painted)
    renamed = replace(classes, mask=replace(classes.mask, names=("x", "y", "z")))
    assert before != fingerprint_data(read_samples(train_folder, classes), renamed)
    for column, value in (("lat", "41.5"), ("image_lvl_label", "1"), ("city", "Cali")):  # decide the split
        edit_table(train_folder, lambda table, column=column, value=value: table.__setitem__(column, value))
        after = fingerprint_data(read_samples(train_folder, classes), classes)
        assert before != after
        before = after


def test_table_of_one_column_and_large_png(tmp_path, classes):
    lines = np.zeros((512, 768, 3), np.uint8)
    lines[:, ::8] = 255
    Image.fromarray(lines).save(tmp_path / "a.png")
    (tmp_path / "data.csv").write_text("image_path\na.png\n")
    samples = read_samples(tmp_path, classes)
    assert samples["image_path"].tolist() == ["a.png"] and samples["label"].tolist() == [NO_LABEL]
    small = image_files.load_photo(samples["image"][0], (64, 96))
    assert abs(small.mean() - 255 / 8) < 1  # averaged, not picked
    with pytest.raises(errors.DataError, match="label_path"):
        require_masks(samples)


def test_truth_of_test_is_read_by_the_photos_names(train_folder, classes):
    samples = read_samples(train_folder, classes).iloc[[3, 1]]
    bare = add_truth(samples.assign(mask="", label=-1), train_folder, classes)
    assert bare["label"].tolist() == samples["label"].tolist() == [0, 1]
    assert bare["mask"].map(lambda path: path.split("/")[-1]).tolist() == [
        "frame_003_seg.png",
        "frame_001_seg.png",
    ]
    shown = mask_files.load_masks(bare, classes, [(64, 96)] * 2)
    assert (shown[0] == mask_files.load_mask(samples["mask"].iloc[0], classes.mask)).all()
    unknown = add_truth(samples.assign(image_path=["a.jpg", "b.jpg"]), train_folder, classes)
    assert unknown["label"].tolist() == [-1, -1]
    assert (mask_files.load_masks(unknown, classes, [(8, 8)] * 2)[0] == 255).all()


def test_truth_is_found_in_either_spelling_of_accents(train_folder, classes):
    edit_table(
        train_folder, lambda table: table.__setitem__("image_path", [f"e\u0301{i}.jpg" for i in range(6)])
    )
    samples = pd.DataFrame({"image_path": ["\u00e94.jpg", "\u00e92.jpg"]})
    truth = add_truth(samples, train_folder, classes)
    assert (
        truth["label"].tolist() == [1, 2] and truth["image_path"].tolist() == samples["image_path"].tolist()
    )
    (train_folder / "Test").mkdir()
    samples.to_csv(train_folder / "Test" / "data.csv", index=False)
    (train_folder / "data.csv").write_text("image_path,label_path\ne\u03014.jpg,\n", encoding="utf-8")
    check_reference(train_folder, train_folder / "Test")


def test_a_reference_tells_of_the_test_frames(tmp_path):
    for name, text in (
        ("Test", "image_path\na.jpg\nb.jpg\n"),
        ("truth", "image_path,label_path\nb.jpg,b.png\n"),  # of some frames is enough
        ("other", "image_path,label_path\nc.jpg,c.png\nb.jpg,b.png\n"),
        ("empty", "image_path\nb.jpg\n"),
        ("whole", "image_path,label_path\nTest/b.jpg,b.png\n"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "data.csv").write_text(text)
    check_reference(tmp_path / "truth", tmp_path / "Test")
    with pytest.raises(errors.DataError, match=r"1 that are not there, as 'c\.jpg'"):
        check_reference(tmp_path / "other", tmp_path / "Test")
    with pytest.raises(errors.DataError, match=r"as 'Test/b\.jpg'; write it as there, 'b\.jpg'"):
        check_reference(tmp_path / "whole", tmp_path / "Test")
    with pytest.raises(errors.DataError, match=r"label_path or image_lvl_label, found \['image_path'\]"):
        check_reference(tmp_path / "empty", tmp_path / "Test")


def test_positions_in_either_form(train_folder, classes):
    table = pd.read_csv(train_folder / "data.csv", dtype=str)
    table.assign(lon="-75.59", lat=["6.2", "", "north", "6.2", "95", "6.2"]).to_csv(
        train_folder / "data.csv", index=False
    )
    samples = read_samples(train_folder, classes)
    assert samples["lon"].tolist() == [-75.59] * 6 and samples["lat"].isna().tolist() == [
        False,
        True,
        True,
        False,
        True,
        False,
    ]
    table.assign(gps_point="POINT (-75.59 6.2)").to_csv(train_folder / "data.csv", index=False)
    samples = read_samples(train_folder, classes)
    assert samples["lon"].iloc[0] == -75.59 and samples["lat"].iloc[0] == 6.2
    table.assign(gps_point="POINT (7.5e-05 51.48)").to_csv(train_folder / "data.csv", index=False)
    samples = read_samples(train_folder, classes)
    assert samples["lon"].iloc[0] == 7.5e-5 and samples["lat"].iloc[0] == 51.48
    for text, point in (
        ("POINT (2,10 41,30)", (2.1, 41.3)),
        ("2,1, 41,3", (2.1, 41.3)),
        ("SRID=4326;POINT(2.1 41.3)", (2.1, 41.3)),
        ("2.1, 41.3", (2.1, 41.3)),
        ("POINT Z (2.1 41.3 8)", (2.1, 41.3)),
        ("POINT EMPTY", None),
        ("POINT (nan nan)", None),
    ):
        table.assign(gps_point=text).to_csv(train_folder / "data.csv", index=False)
        samples, problems = inspect_samples(train_folder, classes)
        found = samples[["lon", "lat"]].iloc[0]
        assert found.isna().all() if point is None else tuple(found) == point, text
        assert not problems


def read_column(folder, classes, **columns):
    """The samples, and the problems by level, of Train's table with other columns."""
    table = pd.read_csv(folder / "data.csv", dtype=str).assign(**columns)
    table.to_csv(folder / "data.csv", index=False)
    samples, problems = inspect_samples(folder, classes)
    return samples, [(problem.level, problem.text) for problem in problems]


@pytest.mark.parametrize(
    "place", [("0", "0"), ("0.0", "-0.0"), ("-1", "-1"), ("nan", "NaN"), ("?", ""), ("-", "None")]
)
def test_a_position_of_a_receiver_without_a_fix_is_unknown(train_folder, classes, place):
    lon, lat = ["2.1"] * 5 + [place[0]], ["41.3"] * 5 + [place[1]]
    samples, problems = read_column(train_folder, classes, lon=lon, lat=lat)
    assert samples[["lon", "lat"]].isna().all(axis=1).tolist() == [False] * 5 + [True]
    assert {level for level, _ in problems} <= {"note"}


def test_on_the_meridian_a_position_is_known(train_folder, classes):
    samples, problems = read_column(train_folder, classes, lon="0", lat="51.48")
    assert samples["lon"].tolist() == [0] * 6 and not problems


def test_positions_with_decimal_commas_are_read(train_folder, classes):
    samples, _ = read_column(train_folder, classes, lon="2,1", lat="41,3")
    assert samples["lon"].tolist() == [2.1] * 6 and samples["lat"].tolist() == [41.3] * 6


def test_points_stand_in_where_lon_and_lat_are_empty(train_folder, classes):
    columns = {"lon": ["2.1"] * 5 + [""], "lat": ["41.3"] * 5 + [""], "gps_point": "POINT (3.5 6.25)"}
    samples, _ = read_column(train_folder, classes, **columns)
    assert samples["lon"].tolist() == [2.1] * 5 + [3.5] and samples["lat"].iloc[5] == 6.25


@pytest.mark.parametrize(
    "text",
    [
        *("1609122023", "1609122023.0", "1609122023,0", "1.609122023e9", "1609122023000", "1609122023000000"),
        *(
            "1609122023000000000",
            "1.609122023000E+12",
            "2020-12-28T02:20:23Z",
            "2020-12-28 02:20:23,000",
            "2020-12-28 03:20:23+01:00",
            " 2020-12-28T02:20:23 ",
            "2020:12:28 02:20:23",
            "2020-12-28 02:20:23 UTC",
            "2020-12-28 03:20:23+01",
        ),
    ],
)
def test_times_are_read_as_programs_write_them(train_folder, classes, text):
    samples, problems = read_column(train_folder, classes, timestamp=text)
    assert (samples["time"] == pd.Timestamp("2020-12-28T02:20:23Z")).all()
    assert {level for level, _ in problems} <= {"note"}


def test_a_time_that_exif_leaves_blank_is_unknown(train_folder, classes):
    samples, problems = read_column(train_folder, classes, timestamp="    :  :     :  :  ")
    assert samples["time"].isna().all() and not problems


def test_a_date_alone_is_no_number_of_seconds(train_folder, classes):
    samples, _ = read_column(train_folder, classes, timestamp="20201228")
    assert (samples["time"] == pd.Timestamp("2020-12-28T00:00:00Z")).all()


@pytest.mark.parametrize(
    "text",
    [
        "0",
        "-1",
        "12.5",
        "1970-01-01T00:00:07Z",
        "0001-01-01T00:00:00",
        "1980-01-06",
        "44193.1",
        "0000:00:00 00:00:00",
    ],
)
def test_a_time_of_a_clock_that_was_not_set_is_unknown_and_said(train_folder, classes, text):
    samples, problems = read_column(train_folder, classes, timestamp=text)
    assert samples["time"].isna().all()
    assert [level for level, _ in problems] == ["warning"] and "6 rows (2, 3" in problems[0][1]


@pytest.mark.parametrize("text", ["noon", "28/12/2020 02:20:23", "99999999999", "1e400"])
def test_a_time_that_cannot_be_told_is_an_error(train_folder, classes, text):
    _, problems = read_column(train_folder, classes, timestamp=text)
    assert [level for level, _ in problems] == ["error"] and f"found '{text}'" in problems[0][1]


@pytest.mark.parametrize("text", ["1.60912E+12", "1,60912E+12", "1.6E9", "1.60912202e9"])
def test_a_time_that_a_spreadsheet_rounded_is_an_error_that_says_so(train_folder, classes, text):
    samples, problems = read_column(train_folder, classes, timestamp=text)
    assert samples["time"].isna().all() and [level for level, _ in problems] == ["error"]
    assert f"found '{text}'; a spreadsheet has rounded it" in problems[0][1]


@pytest.mark.parametrize("text", ["nan", "NaN", "None", "null", "NA", "N/A", "n.a.", "?", "-", "", " "])
def test_what_says_nothing_is_unknown_in_every_column(train_folder, classes, text):
    names = (
        "label_path",
        "image_lvl_label",
        "timestamp",
        "robot_id",
        "lon",
        "lat",
        "gps_point",
        "depth_path",
    )
    samples, problems = read_column(train_folder, classes, **dict.fromkeys(names, text))
    assert (samples[["mask", "depth", "robot"]] == "").all(axis=None)
    assert samples[["time", "lon", "lat"]].isna().all(axis=None) and set(samples["label"]) == {NO_LABEL}
    assert {level for level, _ in problems} <= {"note"}


def test_labels_are_ids_or_names(train_folder, classes):
    cells = ["2", "2.0", " Green  BOX ", "green_box", "-1", "nan"]
    samples, problems = read_column(train_folder, classes, image_lvl_label=cells)
    assert samples["label"].tolist() == [2, 2, 2, 2, NO_LABEL, NO_LABEL]
    assert [level for level, _ in problems] == ["note", "note"]


def test_a_label_that_is_ignored_is_unknown_unless_a_class_has_its_id(train_folder, classes):
    cells = ["255", "Ignore", "255.0", "1", "0", "2"]
    samples, problems = read_column(train_folder, classes, image_lvl_label=cells)
    assert samples["label"].tolist() == [NO_LABEL] * 3 + [1, 0, 2]
    assert [level for level, _ in problems] == ["note"]
    listed = replace(classes, label=replace(classes.label, ids=(0, 1, 255)))
    samples, _ = read_column(train_folder, listed, image_lvl_label=["255", "1", "0"] * 2)
    assert samples["label"].tolist() == [2, 1, 0] * 2


def test_a_class_may_be_called_none_or_by_a_number(train_folder, classes):
    names = replace(classes, label=replace(classes.label, ids=(1, 2, 3), names=("none", "2", "3")))
    samples, _ = read_column(train_folder, names, image_lvl_label=["None", "1", "2", "2.0", "3", ""])
    assert samples["label"].tolist() == [0, 0, 1, 1, 2, NO_LABEL]  # an id comes before a name


def test_robots_are_compared_without_blanks(train_folder, classes):
    columns = {"robot_id": ["7", "7 ", "7.0", "r1", " r1", "8"], "kiwibot_id": ["", "", "", "", "", "k"]}
    samples, _ = read_column(train_folder, classes, **columns)
    assert samples["robot"].tolist() == ["7", "7", "7", "r1", "r1", "k"]


def test_robots_and_groups_are_compared_in_any_case(train_folder, classes):
    names = ["Kiwi 7", "kiwi 7", "KIWI  7", "kiwi 8", "", "kiwi-7"]
    samples, _ = read_column(train_folder, classes, robot_id=names, city=names)
    expected = ["Kiwi 7", "Kiwi 7", "Kiwi 7", "kiwi 8"]
    assert samples["robot"].tolist() == [*expected, "", "kiwi-7"]
    assert find_blocks(samples, [], "city").tolist() == [*expected, "unknown", "kiwi-7"]


def test_a_photo_with_two_rows_in_two_spellings_is_no_truth(tmp_path, classes):
    text = "image_path,image_lvl_label\n\u00e9.jpg,0\nb.jpg,1\ne\u0301.jpg,1\n"
    (tmp_path / "data.csv").write_text(text, encoding="utf-8")
    with pytest.raises(errors.DataError, match="rows 2, 4: one image may not have two rows"):
        add_truth(pd.DataFrame({"image_path": ["\u00e9.jpg", "b.jpg"]}), tmp_path, classes)


def test_groups_are_compared_without_blanks_and_in_one_spelling(train_folder, classes):
    city = ["Boston", "Boston ", " Boston", "Medell\u00edn", "Medelli\u0301n", "Medell\u00edn "]
    samples, _ = read_column(train_folder, classes, city=city)
    assert samples["city"].nunique() == 2


def test_a_reference_is_read_as_a_table_of_train_is(tmp_path, train_folder, classes):
    samples = read_samples(train_folder, classes)
    text = (train_folder / "data.csv").read_text(encoding="utf-8")
    for old, new in ((",", ";"), ("image_path", "IMAGE_PATH"), ("1.0", "red box"), ("2.0", "nan")):
        text = text.replace(old, new)
    (train_folder / "data.csv").write_text("sep=;\n" + text, encoding="utf-16")
    check_reference(train_folder, train_folder)
    truth = add_truth(samples.assign(mask="", label=NO_LABEL), train_folder, classes)
    assert truth["label"].tolist() == [0, 1, NO_LABEL] * 2
    assert truth["mask"].tolist() == samples["mask"].tolist()
