"""Data sets that real tools wrote (`bring_files/make.py`), and plain folders, in the project's layout."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from src.bring.bring import Labels, bring
from src.bring.coco_areas import read_area
from src.bring.label_table import read_labels
from src.bring.labels import apply_rule, read_rule
from src.bring.place import read_place
from src.bring.source import Options, SourceFrame, find_part, index_photos, match_photos
from src.bring.tables import read_table
from src.common.errors import DataError, MissingError, SettingsError
from src.data.doctor import examine

FILES = Path(__file__).parent / "bring_files"
IDS = {"background": 0, "road": 1, "sidewalk": 2, "car": 3, "ignore": 255}
TOOLS = {  # data set: frames of Train and of Test, and the folder of its truth
    "datumaro_coco": (2, 1, "truth"),
    "datumaro_voc_segmentation": (2, 1, "truth"),
    "datumaro_cityscapes": (2, 1, "truth"),
    "datumaro_camvid": (2, 1, "truth"),
    "pycocotools": (3, 0, "truth"),
    "coco_polygons": (3, 0, "truth_polygons"),
    "ultralytics_masks": (2, 1, "truth"),
    "labelme": (3, 0, "truth_labelme"),
    "label_studio": (3, 0, "truth"),
}


def read_rows(folder):
    """Reads data.csv, and the masks it names as ids of IDS, by the photos' names."""
    table = pd.read_csv(folder / "data.csv", dtype=str).fillna("")
    classes = pd.read_csv(folder / "classes.csv")
    classes = classes[classes["task"] == "mask"]
    to_truth = np.full(256, 254, np.uint8)
    to_truth[classes["id"]] = [IDS[name] for name in classes["name"]]
    masks = {}
    for row in table.itertuples():
        masks[Path(row.image_path).stem] = to_truth[np.asarray(Image.open(folder / row.label_path))]
    return table, masks


def read_truth(folder):
    return {path.stem: np.asarray(Image.open(path)) for path in (FILES / folder).glob("*.png")}


@pytest.mark.parametrize("name", TOOLS)
def test_masks_of_real_tools_are_brought_pixel_by_pixel(name, tmp_path):
    train, test, truth = TOOLS[name]
    brought = bring(FILES / name, tmp_path / "out")
    assert (len(brought.written.train), len(brought.written.test)) == (train, test)
    _, masks = read_rows(tmp_path / "out" / "Train")
    if test:
        _, others = read_rows(tmp_path / "out" / "reference")
        masks |= others
    expected = read_truth(truth)
    assert len(masks) == 3
    for stem, mask in masks.items():
        found = expected[stem.removesuffix("_leftImg8bit")]
        assert (mask == found).all(), f"{stem}: {(mask != found).sum()} pixels differ"
    found = examine(tmp_path / "out" / "Train", tmp_path / "out" / "Test" if test else None)
    assert not [problem.text for problem in found.problems if problem.level == "error"]


def test_polygons_of_ultralytics_are_those_of_coco_but_for_their_edges(tmp_path):
    bring(FILES / "ultralytics_polygons", tmp_path / "out")
    _, masks = read_rows(tmp_path / "out" / "Train")
    for stem, expected in read_truth("truth").items():
        for id in np.unique(expected):
            inside = cv2.erode((expected == id).astype(np.uint8), np.ones((3, 3)), borderValue=1) > 0
            assert (masks[stem][inside] == id).all()


def test_masks_of_ultralytics_may_have_other_endings(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(FILES / "ultralytics_masks", source)
    mask = source / "masks" / "train" / "drive0_0000.png"
    mask.rename(mask.with_suffix(".PNG"))
    bring(source, tmp_path / "out")
    _, masks = read_rows(tmp_path / "out" / "Train")
    assert (masks["drive0_0000"] == read_truth("truth")["drive0_0000"]).all()
    mask = source / "masks" / "train" / "drive0_0001.png"
    Image.open(mask).save(mask.with_suffix(".bmp"))
    mask.unlink()
    with pytest.raises(
        DataError, match=r"drive0_0001.bmp must be a whole PNG image"
    ):  # not left out in silence
        bring(source, tmp_path / "none")


def test_photos_of_label_studio_are_found_by_encoded_names(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(FILES / "label_studio", source)
    # With the dots of the letter apart, as macOS writes them
    (source / "photos" / "drive0_0000.jpg").rename(source / "photos" / "Stra\u00dfe a\u0308.jpg")
    (source / "numbers.json").write_text("[1, 2]")  # is no export
    path = source / "project.json"
    url = "/data/local-files/?d=photos%2FStra%C3%9Fe%20%C3%A4.jpg"
    path.write_text(path.read_text().replace("/data/upload/1/0a1b2c3d-drive0_0000.jpg", url))
    assert len(bring(source, tmp_path / "out").written.train) == 3


def test_cityscapes_own_masks_have_the_classes_that_it_scores(tmp_path):
    brought = bring(FILES / "cityscapesscripts", tmp_path / "out", options=Options(tmp_path))
    assert (len(brought.written.train), len(brought.written.test), len(brought.written.truth)) == (2, 1, 1)
    classes = pd.read_csv(tmp_path / "out" / "Train" / "classes.csv")
    assert classes["name"].tolist()[:2] == ["road", "sidewalk"] and len(classes) == 20
    table = pd.read_csv(tmp_path / "out" / "Train" / "data.csv")
    assert table["robot_id"].tolist() == ["town_000000", "town_000000"]
    mask = np.asarray(Image.open(tmp_path / "out" / "Train" / table["label_path"][0]))
    assert sorted(np.unique(mask)) == [0, 13, 255]  # road, car; what nobody drew is not scored


def test_each_zip_of_cityscapes_may_have_a_folder_of_its_own(tmp_path):
    for name in ("cityscapesscripts", "datumaro_cityscapes"):
        source = tmp_path / name
        shutil.copytree(FILES / name, source / "photos")
        (source / "masks").mkdir()
        (source / "photos" / "gtFine").rename(source / "masks" / "gtFine")
        brought = bring(source, tmp_path / "out" / name)
        assert (len(brought.written.train), len(brought.written.truth)) == (2, 1)
    _, masks = read_rows(tmp_path / "out" / "datumaro_cityscapes" / "Train")
    assert (masks["drive0_0000_leftImg8bit"] == read_truth("truth")["drive0_0000"]).all()
    for path in (tmp_path / "cityscapesscripts").rglob("*_labelIds.png"):
        path.unlink()
    with pytest.raises(DataError, match=r'CITYSCAPES_DATASET=".*" csCreateTrainIdLabelImgs'):
        bring(tmp_path / "cityscapesscripts", tmp_path / "none")


def test_the_background_that_datumaro_leaves_out_has_the_first_id(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(FILES / "datumaro_cityscapes", source)
    table = source / "label_colors.txt"
    table.write_text(table.read_text().replace("0 0 0 background\n", ""))
    for unlabelled, names in (("background", ["background", "road"]), ("ignore", ["road", "sidewalk"])):
        bring(source, tmp_path / unlabelled, options=Options(tmp_path, unlabelled))
        classes = pd.read_csv(tmp_path / unlabelled / "Train" / "classes.csv")
        assert classes["name"].tolist()[:2] == names
        _, masks = read_rows(tmp_path / unlabelled / "Train")
        expected = read_truth("truth")["drive0_0000"]
        if unlabelled == "ignore":
            expected = np.where(expected == 0, 255, expected)
        assert (masks["drive0_0000_leftImg8bit"] == expected).all()


def test_flags_of_labelme_and_choices_of_label_studio_become_labels(tmp_path):
    for name in ("labelme", "label_studio"):
        brought = bring(FILES / name, tmp_path / name)
        assert brought.written.labels == ["crossing", "sidewalk"]
        table, _ = read_rows(tmp_path / name / "Train")
        assert table["image_lvl_label"].tolist() == ["1", "1", "0"]
    table, _ = read_rows(tmp_path / "labelme" / "Train")
    assert table["robot_id"].tolist() == ["drive0", "drive0", "drive1"]


def test_photos_of_test_that_nobody_annotated_are_brought(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(FILES / "datumaro_coco", source)
    for name in ("instances", "stuff", "panoptic"):  # image_info_test.json is left, without annotations
        (source / "annotations" / f"{name}_test.json").unlink()
    (source / "annotations" / "other.json").write_text(
        '{"images": [], "annotations": null, "categories": []}'
    )
    written = bring(source, tmp_path / "out").written
    assert (len(written.train), len(written.test), written.truth) == (2, 1, [])


def test_panoptic_masks_are_not_taken_for_photos(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(FILES / "datumaro_coco", source)
    for photo in list((source / "images").rglob("*.jpg")):
        Image.open(photo).save(photo.with_suffix(".png"))
        photo.unlink()
    for path in source.glob("annotations/*.json"):
        path.write_text(path.read_text().replace(".jpg", ".png"))
    assert len(bring(source, tmp_path / "out").written.train) == 2
    shutil.rmtree(source / "images")
    with pytest.raises(DataError, match=r"The photos that .* names must lie in"):
        bring(source, tmp_path / "none")


def test_two_images_of_coco_with_one_name_are_refused(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(FILES / "coco_polygons", source)
    path = source / "instances.json"
    path.write_text(path.read_text().replace("drive0_0001.jpg", "drive0_0000.jpg"))
    with pytest.raises(DataError, match=r"found 'drive0_0000\.jpg' for the images 1 and 2; write the photos"):
        bring(source, tmp_path / "out")


def test_a_polygon_of_two_points_is_no_box(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(FILES / "coco_polygons", source)
    path = source / "instances.json"
    content = json.loads(path.read_text())
    for annotation in content["annotations"][:2]:
        annotation["segmentation"].insert(0, [2.0, 2.0, 20.0, 20.0])
    content["annotations"].append(content["annotations"][0] | {"segmentation": [[1.0, 1.0, 20.0, 20.0]]})
    path.write_text(json.dumps(content))
    bring(source, tmp_path / "out")
    _, masks = read_rows(tmp_path / "out" / "Train")
    assert all((masks[name] == mask).all() for name, mask in read_truth("truth_polygons").items())


def test_boxes_and_missing_photos_are_told(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(FILES / "pycocotools", source)
    (source / "images" / "drive1_0002.jpg").unlink()
    left = " ".join(bring(source, tmp_path / "out").left)
    assert "1 annotations of annotations.json have a box" in left
    assert "1 of 3 photos that the json names are not there, the first is drive1_0002.jpg" in left


def test_photos_without_an_area_are_not_taken_for_background(tmp_path):
    source = tmp_path / "coco"
    shutil.copytree(FILES / "pycocotools", source)
    path = source / "annotations.json"
    content = json.loads(path.read_text())
    content["annotations"] = [one for one in content["annotations"] if one["image_id"] != 3]
    path.write_text(json.dumps(content))
    brought = bring(source, tmp_path / "out")
    assert len(brought.written.train) == 2
    assert "1 of 3 photos have neither a mask in which a pixel counts nor a label" in brought.left[-1]
    content["annotations"][0]["category_id"] = 77
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"must have the fields of COCO, found an entry that .* 77"):
        bring(source, tmp_path / "wrong")
    source = tmp_path / "labelme"
    shutil.copytree(FILES / "labelme", source)
    path = next(source.rglob("drive1_0002.json"))
    content = json.loads(path.read_text()) | {"shapes": []}
    path.write_text(json.dumps(content))
    written = bring(source, tmp_path / "flagged").written
    assert [row.cells.get("label_path", "") for row in written.train][2] == ""  # its flag is its label
    source = tmp_path / "yolo"
    shutil.copytree(FILES / "ultralytics_polygons", source)
    (source / "labels" / "train" / "drive0_0000.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (source / "labels" / "train" / "drive0_0001.txt").write_text("")  # a photo of nothing but background
    brought = bring(source, tmp_path / "boxes")
    assert len(brought.written.train) == 2 and "1 lines are boxes" in " ".join(brought.left)


@pytest.mark.parametrize("text", ["id,name\n300,a\n", "name,color\na,red\n", "name\na\n", "id,klasse\n0,a\n"])
def test_a_table_of_classes_that_cannot_be_used_is_refused(text, tmp_path):
    (tmp_path / "classes.csv").write_text(text)
    with pytest.raises(DataError, match=r"classes.csv must have the columns id and name") as raised:
        read_table(tmp_path / "classes.csv")
    assert "found 'name'" not in str(raised.value)  # which is what it lacks


def test_photos_that_were_moved_are_found_by_their_names(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(FILES / "labelme", source)
    (source / "all").mkdir()
    for photo in source.glob("drive*/*.jpg"):
        photo.rename(source / "all" / photo.name)
    bring(source, tmp_path / "out")
    table, _ = read_rows(tmp_path / "out" / "Train")
    assert table["robot_id"].tolist() == ["drive0", "drive0", "drive1"]
    shutil.rmtree(source / "all")
    assert "2 json files have no photo" in " ".join(bring(source, tmp_path / "less").left)


def test_masks_without_photos_are_told_from_nothing_at_all(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(FILES / "cityscapesscripts", source)
    shutil.rmtree(source / "leftImg8bit")
    with pytest.raises(DataError, match="must hold the photos of its masks in leftImg8bit"):
        bring(source, tmp_path / "out")


@pytest.mark.parametrize(
    ("names", "photos", "expected"),
    [
        (["d1/0.jpg", "d2/0.jpg"], ["in/d1/0.jpg", "in/d2/0.jpg"], {"d1/0.jpg": 0, "d2/0.jpg": 1}),
        (["C:\\\\in\\\\d2\\\\0.jpg"], ["d1/0.jpg", "d2/0.jpg"], {"C:\\\\in\\\\d2\\\\0.jpg": 1}),
        (["d1/0.jpg", "d2/0.jpg"], ["in/d2/0.jpg"], {"d2/0.jpg": 0}),  # the photo of d1 is missing
        (["d1/0.jpg", "d2/0.jpg"], ["all/0.jpg"], {}),
        (["0.jpg"], ["d1/0.jpg", "d2/0.jpg"], {}),
        (["stra\u00dfe_\u00e4.jpg"], ["stra\u00dfe_a\u0308.jpg"], {"stra\u00dfe_\u00e4.jpg": 0}),
        (["D1/0.JPG", "1.jpg"], ["d1/0.jpg", "1.jpg"], {"D1/0.JPG": 0, "1.jpg": 1}),
        (["0.JPG", "0.jpg"], ["0.jpg"], {"0.jpg": 0}),  # the photo in capitals is missing
        (["0.jpg"], ["d1/0.JPG", "d2/0.Jpg"], {}),
        (["https://x.io/d%201/0.jpg?key=a/b"], ["d 1/0.jpg"], {"https://x.io/d%201/0.jpg?key=a/b": 0}),
    ],
)
def test_a_photo_is_the_one_whose_path_ends_most_like_the_written_one(names, photos, expected, tmp_path):
    paths = [tmp_path / photo for photo in photos]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert match_photos(names, index_photos(tmp_path)) == {n: paths[place] for n, place in expected.items()}


def test_photos_of_one_name_in_two_folders_keep_their_own_areas(tmp_path):
    for name in ("coco_polygons", "labelme"):
        source = tmp_path / name
        shutil.copytree(FILES / name, source)
        for number, photo in enumerate(("drive0_0000.jpg", "drive0_0001.jpg")):
            target = source / "photos" / f"d{number}" / "0.jpg"
            target.parent.mkdir(parents=True)
            next(source.rglob(photo)).rename(target)
    path = tmp_path / "coco_polygons" / "instances.json"
    text = path.read_text()
    for number in (0, 1):
        text = text.replace(f"drive0_000{number}.jpg", f"x\\\\d{number}\\\\0.jpg")
        shapes = tmp_path / "labelme" / "drive0" / f"drive0_000{number}.json"
        content = json.loads(shapes.read_text())
        shapes.write_text(json.dumps(content | {"imagePath": f"C:\\x\\d{number}\\0.jpg"}))
    path.write_text(text)
    for name, truth in (("coco_polygons", "truth_polygons"), ("labelme", "truth_labelme")):
        bring(tmp_path / name, tmp_path / "out" / name)
        table, _ = read_rows(tmp_path / "out" / name / "Train")
        expected = read_truth(truth)
        assert len(table) == 3
        for number in (0, 1):
            photo = tmp_path / name / "photos" / f"d{number}" / "0.jpg"
            rows = [
                r
                for r in table.itertuples()
                if _same(tmp_path / "out" / name / "Train" / r.image_path, photo)
            ]
            classes = pd.read_csv(tmp_path / "out" / name / "Train" / "classes.csv")
            mask = np.asarray(Image.open(tmp_path / "out" / name / "Train" / rows[0].label_path))
            ids = {row.id: IDS[row.name] for row in classes.itertuples(index=False) if row.task == "mask"}
            assert (np.vectorize(ids.get)(mask) == expected[f"drive0_000{number}"]).all()


def _same(first, second):
    return first.read_bytes() == second.read_bytes()


def test_the_parts_of_roboflow_are_its_folders_and_its_title_is_no_class(tmp_path):
    source = tmp_path / "source"
    for part in ("train", "test"):
        shutil.copytree(FILES / "coco_polygons", source / part)
        path = source / part / "_annotations.coco.json"
        (source / part / "instances.json").rename(path)
        content = json.loads(path.read_text())
        for category in content["categories"]:
            category["supercategory"] = "streets"
        content["categories"].insert(0, {"id": 0, "name": "streets", "supercategory": "none"})
        path.write_text(json.dumps(content))
    brought = bring(source, tmp_path / "out")
    assert (len(brought.written.train), len(brought.written.test), len(brought.written.truth)) == (3, 3, 3)
    classes = pd.read_csv(tmp_path / "out" / "Train" / "classes.csv")
    assert classes["name"].tolist() == ["background", "road", "sidewalk", "car", "ignore"]


def test_voc_may_lie_below_a_folder_that_is_called_like_one_of_its_own(tmp_path):
    source = tmp_path / "SegmentationObject" / "source"
    shutil.copytree(FILES / "datumaro_voc_segmentation", source)
    expected = bring(FILES / "datumaro_voc_segmentation", tmp_path / "plain").written
    written = bring(source, tmp_path / "out").written
    assert len(written.train) == len(expected.train) > 0


def test_classes_of_voc_are_those_that_its_tool_lists(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(FILES / "datumaro_voc_segmentation", source)
    names = source / "labelmap.txt"
    text = names.read_text().replace("sidewalk:", "B\u00fcrgersteig:")
    names.write_bytes(text.encode("cp1252"))  # as an editor on Windows saves it
    for path in [*source.rglob("drive1_0002.*")]:
        path.rename(path.with_name("drive1 0002" + path.suffix.upper()))
    (source / "ImageSets" / "Segmentation" / "test.txt").write_text("drive1 0002\n")
    brought = bring(source, tmp_path / "cvat")
    assert (len(brought.written.train), len(brought.written.test)) == (2, 1)
    assert "B\u00fcrgersteig" in pd.read_csv(tmp_path / "cvat" / "Train" / "classes.csv")["name"].tolist()
    for path in (source / "SegmentationClass").iterdir():
        ids = Image.fromarray(read_truth("truth")[path.stem.replace(" ", "_")])
        ids.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0])  # VOC's, as labelme2voc writes them
        ids.save(path)
    names.unlink()
    assert "no labelmap.txt in source" in " ".join(bring(source, tmp_path / "voc").left)
    (source / "class_names.txt").write_text("_background_\nroad\nsidewalk\ncar")
    assert bring(source, tmp_path / "labelme").left == []
    classes = pd.read_csv(tmp_path / "labelme" / "Train" / "classes.csv")["name"].tolist()
    assert classes == ["background", "road", "sidewalk", "car", "ignore"]
    mask = Image.open(tmp_path / "labelme" / "Train" / "masks" / "drive0_0000.png")
    assert (np.asarray(mask) == read_truth("truth")["drive0_0000"]).all()


# Plain folders ----------------------------------------------
def make_folders(folder, masks="masks", ending="", colored=False):
    """Writes two photos of 4 x 6 px in folders of two drives, with masks of the ids or colours 0 to 1."""
    for number, drive in enumerate(("d1", "d2")):
        photo = np.full((4, 6, 3), 100 + number, np.uint8)
        ids = np.zeros((4, 6), np.uint8)
        ids[:, 3:] = 1
        pixels = np.array([(0, 0, 0), (0, 200, 0)], np.uint8)[ids] if colored else ids
        for path, content in (
            (f"images/{drive}/f{number}.jpg", photo),
            (f"{masks}/{drive}/f{number}{ending}.png", pixels),
        ):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(content).save(folder / path)
    return folder


@pytest.mark.parametrize(("masks", "ending"), [("masks", ""), ("images", "_seg"), ("gt", "_L")])
def test_masks_are_found_by_their_names(masks, ending, tmp_path):
    bring(make_folders(tmp_path / "source", masks, ending), tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "Train" / "data.csv")
    assert [Path(path).name for path in table["image_path"]] == ["f0.jpg", "f1.jpg"]
    assert table["robot_id"].tolist() == ["d1", "d2"]
    mask = np.asarray(Image.open(tmp_path / "out" / "Train" / table["label_path"][1]))
    assert mask.tolist() == [[0, 0, 0, 1, 1, 1]] * 4


def test_masks_are_found_by_a_pattern(tmp_path):
    source = make_folders(tmp_path / "source", "other", "_ids")
    with pytest.raises(DataError, match=r"found none, as no .*f0_ids.png"):
        bring(source, tmp_path / "out", options=Options(tmp_path, masks="other/{name}_ids.png"))
    for number, masks in enumerate(
        ("other/{drive}/{name}_ids.png", "{folder}/../../other/d1/{name}_ids.png")
    ):
        brought = bring(source, tmp_path / f"out{number}", options=Options(tmp_path, masks=masks))
        assert len(brought.written.train) == 2 - number
    assert "photos have neither a mask in which a pixel counts nor a label, the first is" in brought.left[-1]
    with pytest.raises(DataError, match=r"may hold \{name\}, \{drive\} and \{folder\}"):
        bring(source, tmp_path / "out2", options=Options(tmp_path, masks="{nam}.png"))


def test_a_mask_without_a_photo_is_no_photo_with_itself_as_mask(tmp_path):
    for name in ("a.jpg", "b.jpg"):
        Image.new("RGB", (6, 4)).save(tmp_path / name)
    for name in ("a.png", "c.png"):  # c.png has no photo
        Image.fromarray(np.ones((4, 6), np.uint8)).save(tmp_path / name)
    brought = bring(tmp_path, tmp_path.parent / "out_c", options=Options(tmp_path, masks="{name}.png"))
    assert [row.cells["image_path"] for row in brought.written.train] == ["photos/a.jpg"]
    assert sorted(brought.written.useless) == ["b", "c"]


def test_what_is_said_of_the_source_need_not_hold_for_photos_of_test(tmp_path):
    source = make_folders(tmp_path / "source", "other", "_ids")
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (6, 4)).save(tmp_path / "photos" / "a.JPG")
    (tmp_path / "photos" / "list.yaml").write_text("- of no data set\n")
    options = Options(tmp_path, masks="other/{drive}/{name}_ids.png", drive=r"(f\d)\.")
    brought = bring(source, tmp_path / "out", tmp_path / "photos", options=options)
    assert (len(brought.written.train), len(brought.written.test), brought.written.truth) == (2, 1, [])
    assert "(Test) no photo has a mask where --masks leads." in brought.left
    assert "(Test) --drive finds no drive in the photos' paths" in " ".join(brought.left)


def test_masks_are_found_by_their_numbers_where_only_the_words_differ(tmp_path):
    source = make_folders(tmp_path / "source")
    for path in source.glob("*/*/f?.*"):
        path.rename(path.with_stem(path.stem.replace("f", "img_" if path.suffix == ".jpg" else "mask_")))
    brought = bring(source, tmp_path / "out")
    assert len(brought.written.train) == 2
    assert "masks were found by their numbers, mask_0.png for img_0.jpg." in brought.left
    Image.new("RGB", (6, 4)).save(source / "images" / "d1" / "other_0.jpg")  # which of the two is it?
    with pytest.raises(DataError, match="must hold masks or labels, found 3 photos without"):
        bring(source, tmp_path / "unsure")


def test_a_polygon_of_one_point_names_its_line_and_key_points_are_refused(tmp_path):
    source = tmp_path / "yolo"
    shutil.copytree(FILES / "ultralytics_polygons", source)
    (source / "labels" / "train" / "drive0_0000.txt").write_text("0 0.5 0.5\n")
    with pytest.raises(DataError, match=r"drive0_0000\.txt line 1 must be a class id and pairs"):
        bring(source, tmp_path / "out")
    with (source / "data.yaml").open("a") as file:
        file.write("\nkpt_shape: [17, 3]\n")
    with pytest.raises(DataError, match="found key points"):
        bring(source, tmp_path / "out")


def test_boxes_alone_are_no_masks(tmp_path):
    shutil.copytree(FILES / "datumaro_coco", tmp_path / "source")
    for path in (tmp_path / "source").rglob("*.json"):
        content = json.loads(path.read_text())
        for annotation in content["annotations"]:
            annotation["segmentation"] = []
        path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"photos without; .* a box or key points, but no area; say where"):
        bring(tmp_path / "source", tmp_path / "out")


def test_drives_are_told_from_folders_of_photos_in_other_languages(tmp_path):
    source = make_folders(tmp_path / "source", "Masken")
    (source / "images").rename(source / "Bilder")
    bring(source, tmp_path / "out")
    assert pd.read_csv(tmp_path / "out" / "Train" / "data.csv")["robot_id"].tolist() == ["d1", "d2"]


def test_a_source_of_one_part_is_train_whatever_its_folder_is_called(tmp_path):
    for name in ("coco_polygons", "labelme"):
        shutil.copytree(FILES / name, tmp_path / name / "test")
        brought = bring(tmp_path / name, tmp_path / "out" / name)
        assert (len(brought.written.train), len(brought.written.test)) == (3, 0)


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("test/valencia/a.png", "test"),
        ("valencia/test/a.png", "test"),
        ("test_images/valley/a.png", "test"),
        ("train/testaccio", "train"),
        ("Testing/drive", "test"),
        ("validation", "val"),
        ("testannot", "test"),
        ("test2017", "test"),
        ("test-dev2017", "test"),
        ("test_drive_2", ""),
        ("Testrunde", ""),
        ("latest/contest", ""),
    ],
)
def test_the_part_is_named_by_the_folder_that_is_most_surely_one(path, part):
    assert find_part(Path(path)) == part


def test_a_city_whose_name_begins_as_a_part_stays_in_its_own(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(FILES / "cityscapesscripts", source)
    for path in sorted(source.glob("*/test/town/*")):
        path.rename(path.with_name(path.name.replace("town", "valencia")))
    for folder in sorted(source.glob("*/test/town")):
        folder.rename(folder.with_name("valencia"))
    brought = bring(source, tmp_path / "out")
    assert (len(brought.written.train), len(brought.written.truth)) == (2, 1)


@pytest.mark.parametrize("name", ["labelme", "label_studio"])
def test_photos_in_a_folder_named_test_are_test(name, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(FILES / name, source)
    (source / "test").mkdir()
    for path in [*source.rglob("drive1_0002.jpg"), *source.rglob("drive1_0002.json")]:
        path.rename(source / "test" / path.name)
    brought = bring(source, tmp_path / "out")
    assert (len(brought.written.train), len(brought.written.truth)) == (2, 1)


def test_two_masks_of_a_photo_are_refused(tmp_path):
    source = make_folders(tmp_path / "source")
    make_folders(source, "labels")
    with pytest.raises(DataError, match="may have one mask"):
        bring(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_masks_saved_as_jpeg_are_not_taken_for_photos(tmp_path):
    source = make_folders(tmp_path / "source", "labels")
    for mask in source.glob("labels/*/*.png"):
        mask.rename(mask.with_suffix(".jpg"))
    with pytest.raises(DataError, match="must be a mask as PNG, found a JPEG"):
        bring(source, tmp_path / "out")


def test_colors_are_named_by_a_table(tmp_path):
    source = make_folders(tmp_path / "source", colored=True)
    brought = bring(source, tmp_path / "unnamed")
    assert "colours" in brought.format
    classes = pd.read_csv(tmp_path / "unnamed" / "Train" / "classes.csv")
    assert classes["name"].tolist() == ["#000000", "#00c800", "ignore"]
    (source / "class_dict.csv").write_text("name,r,g,b\nroad,0,200,0\nvoid,0,0,0\n")
    bring(source, tmp_path / "named")
    classes = pd.read_csv(tmp_path / "named" / "Train" / "classes.csv")
    assert classes[["name", "color"]].to_numpy().tolist()[0] == ["road", "#00c800"]
    mask = np.asarray(Image.open(tmp_path / "named" / "Train" / "masks" / "images" / "d1" / "f0.png"))
    assert mask.tolist() == [[255, 255, 255, 0, 0, 0]] * 4
    (source / "class_dict.csv").write_text("name,r,g,b\nroad,0,201,0\nvoid,0,0,0\n")
    with pytest.raises(DataError, match=r"found 1 others, as #00c800 \(12 pixels\)"):
        bring(source, tmp_path / "wrong")


def test_several_colors_may_have_one_name(tmp_path):
    source = make_folders(tmp_path / "source", colored=True)
    for mask in source.glob("masks/*/*.png"):
        pixels = np.array(Image.open(mask))
        pixels[:, 0] = (9, 9, 9)
        Image.fromarray(pixels).save(mask)
    mask = Path("Train", "masks", "images", "d1", "f0.png")
    for names, expected in (("ignore,road,ignore", [255, 255, 255, 0, 0, 0]), ("a,b,a", [0, 0, 0, 1, 1, 1])):
        black, green, grey = names.split(",")
        (source / "class_dict.csv").write_text(f"name,r,g,b\n{black},0,0,0\n{green},0,200,0\n{grey},9,9,9\n")
        bring(source, tmp_path / black)
        assert np.asarray(Image.open(tmp_path / black / mask)).tolist() == [expected] * 4


def test_palettes_and_greys_are_read_by_the_colors_of_a_table(tmp_path):
    source = make_folders(tmp_path / "source")
    for mask in source.glob("masks/*/*.png"):
        image = Image.open(mask)
        image.putpalette([0, 200, 0, 9, 9, 9])  # the index 0 has the colour of the second line
        image.save(mask)
    (source / "class_dict.csv").write_text("name,r,g,b\nwall,9,9,9\nroad,0,200,0\n")
    brought = bring(source, tmp_path / "palettes")
    assert brought.format == "folders, masks of colours, classes of class_dict.csv"
    classes = pd.read_csv(tmp_path / "palettes" / "Train" / "classes.csv")
    assert classes["name"].tolist()[:3] == ["background", "wall", "road"]
    path = Path("Train", "masks", "images", "d1", "f0.png")
    assert np.asarray(Image.open(tmp_path / "palettes" / path)).tolist() == [[2, 2, 2, 1, 1, 1]] * 4
    for mask in source.glob("masks/*/*.png"):
        Image.fromarray(np.full((4, 6), 9, np.uint8)).save(mask)
    bring(source, tmp_path / "greys")
    assert np.asarray(Image.open(tmp_path / "greys" / path)).tolist() == [[1] * 6] * 4


def test_white_is_a_class_where_masks_are_black_and_white(tmp_path):
    source = make_folders(tmp_path / "source")
    for mask in source.glob("masks/*/*.png"):
        Image.fromarray(np.asarray(Image.open(mask)) * 255).save(mask)
    bring(source, tmp_path / "out")
    classes = pd.read_csv(tmp_path / "out" / "Train" / "classes.csv")
    assert classes["name"].tolist() == ["class 0", "class 255", "ignore"]
    mask = np.asarray(Image.open(tmp_path / "out" / "Train" / "masks" / "images" / "d1" / "f0.png"))
    assert mask.tolist() == [[0, 0, 0, 1, 1, 1]] * 4


def test_ids_are_named_by_a_table_and_others_refused(tmp_path):
    source = make_folders(tmp_path / "source")
    (source / "_classes.csv").write_text("Pixel Value, Class\n0, background\n1, path\n")
    bring(source, tmp_path / "out")
    classes = pd.read_csv(tmp_path / "out" / "Train" / "classes.csv")
    assert classes["name"].tolist() == ["background", "path", "ignore"]
    (source / "_classes.csv").write_text("Pixel Value, Class\n0, background\n2, path\n")
    with pytest.raises(DataError, match=r"ids of _classes.csv only, found \[1\]"):
        bring(source, tmp_path / "wrong")


@pytest.mark.parametrize(
    ("name", "text", "ids", "colors"),
    [
        ("classes.csv", "task,id,name,color\nmask,3,a,#AABBCC\nlabel,0,x,\n", {3: "a"}, [("a", "#aabbcc")]),
        ("class_dict.csv", "name,r,g,b\nroad,1,2,255\n", {}, [("road", "#0102ff")]),
        ("label_colors.txt", "64 128 64\ta\n192 0 128 b c\n", {}, [("a", "#408040"), ("b c", "#c00080")]),
        ("labelmap.txt", "# label:color\nroad:1,2,3::\n", {}, [("road", "#010203")]),
        ("codes.txt", "sky\nroad\n", {0: "sky", 1: "road"}, []),
        ("classes.txt", "# of May\nsky\nroad\n", {0: "sky", 1: "road"}, []),
        ("classes.txt", "1: sky\n0: road\n", {1: "sky", 0: "road"}, []),
        ("classes.txt", "1 sky\n2 road lane\n", {1: "sky", 2: "road lane"}, []),
        ("classes.txt", "7,sky\n11,road\n", {7: "sky", 11: "road"}, []),
        ("classes.txt", "2 wheels\n4 wheels\n", {0: "2 wheels", 1: "4 wheels"}, []),
        ("label_colors.txt", "3: a 64 128 64\n", {3: "a"}, [("a", "#408040")]),
    ],
)  # fmt: skip
def test_tables_of_classes_are_read(name, text, ids, colors, tmp_path):
    (tmp_path / name).write_text(text)
    table = read_table(tmp_path / name)
    assert (table.ids, table.colors) == (ids, colors)


@pytest.mark.parametrize(
    ("name", "text"), [("class_dict.csv", "name,r,g,b\nroad,256,2,255\n"), ("codes.txt", "road: 1,2,999\n")]
)
def test_a_color_beyond_255_is_refused(name, text, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=rf"{name} must have .* found a color of .*, where each is 0 to 255"):
        read_table(tmp_path / name)


# Labels, places, Test ----------------------------------------------
def test_the_table_of_the_source_names_masks_of_test_that_have_none(tmp_path):
    source = make_folders(tmp_path / "source", colored=True)
    other = make_folders(tmp_path / "other", colored=True)
    brought = bring(source, tmp_path / "unnamed", other)
    assert len(brought.left) == 1  # not the same note for Test once more
    (source / "class_dict.csv").write_text("name,r,g,b\nroad,0,200,0\nvoid,0,0,0\n")
    brought = bring(source, tmp_path / "named", other)
    assert (len(brought.written.truth), brought.left) == (2, [])


def test_classes_get_names_by_a_copy_of_the_table_that_was_written(tmp_path):
    source = make_folders(tmp_path / "source", colored=True)
    bring(source, tmp_path / "unnamed")
    written = (tmp_path / "unnamed" / "Train" / "classes.csv").read_text()
    names = tmp_path / "names.csv"
    names.write_text(written.replace("1,#00c800", "1,road").replace("0,#000000", "0,ignore"))
    bring(source, tmp_path / "named", options=Options(tmp_path, colors=names))
    classes = pd.read_csv(tmp_path / "named" / "Train" / "classes.csv")
    assert classes["name"].tolist() == ["road", "ignore"]


def test_a_rule_gives_the_first_label_that_holds():
    names = ["background", "crosswalk", "sidewalk"]
    rule = read_rule("crossing: crosswalk >= 20; sidewalk: sidewalk >= 50 and crosswalk < 10; corner", names)
    assert apply_rule(rule, np.array([[0, 1, 2, 2]], np.uint8), names) == "crossing"
    assert apply_rule(rule, np.array([[0, 2, 2, 2]], np.uint8), names) == "sidewalk"
    assert apply_rule(rule, np.array([[0, 0, 0, 2]], np.uint8), names) == "corner"
    assert apply_rule(rule, np.array([[255, 1, 255, 255]], np.uint8), names) == "crossing"
    assert apply_rule(rule, np.array([[255]], np.uint8), names) == ""
    for text, message in (
        ("a: b >= 5", "must name classes"),
        ("a: sidewalk is large", "CLASS >= PERCENT"),
        ("a: sidewalk >= 5, crosswalk >= 5", "several joined by 'and'"),
        ("a sidewalk >= 5", "a colon must stand between"),
        ("a; b: sidewalk >= 5", "a label without condition must come last, found 'a' before 'b'"),
        ("", "must hold a label"),
    ):
        with pytest.raises(SettingsError, match=message):
            read_rule(text, names)


def test_labels_come_from_a_table_from_folders_or_from_a_rule(tmp_path):
    source = make_folders(tmp_path / "source")
    (tmp_path / "labels.csv").write_text("photo;label\nimages/d1/f0.jpg;corner\nf1;crossing\n")
    for number, labels in enumerate(
        (Labels(str(tmp_path / "labels.csv")), Labels("folders"), Labels(rule="b: class 1 >= 51; a"))
    ):
        out = tmp_path / f"out{number}"
        brought = bring(source, out, labels=labels)
        assert brought.written.labels == [["corner", "crossing"], ["d1", "d2"], ["a"]][number]
        assert "Train: 2 frames, 2 with a mask, 2 with a label." in brought.describe()
    with pytest.raises(SettingsError, match="leave one out"):
        bring(source, tmp_path / "both", labels=Labels("folders", "a"))
    with pytest.raises(SettingsError, match="must be 'folders' or the path of a table, found 'folder'"):
        bring(source, tmp_path / "none", labels=Labels("folder"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("photo,label\nd1\\f0.jpg,a\nd2/f1,b\n", {"images/d1/f0": "a", "images/d2/f1": "b"}),
        ("sep=;\nphoto;label\nf0.jpg;a\n;\nnope.jpg;b\n", {"images/d1/f0": "a"}),
        ("id,class,file\n7,a,f0.jpg\n8,b,nope.jpg\n", {"images/d1/f0": "a"}),
        ("photo,label\nf0.jpg,a\nf0.jpg,b\n", "must give a photo one label, found 'a' and 'b' for f0.jpg"),
        ("photo,label\nnope.jpg,a\n", "found none of its 1 rows, the first is nope.jpg"),
        ("f0.jpg,a\nf1.jpg,b\n", "must begin with a head that names a column photo"),
        ("photo\nf0.jpg\n", "must begin with a head that names a column label"),
    ],
)
def test_rows_of_a_labels_table_find_their_photos(text, expected, tmp_path):
    (tmp_path / "labels.csv").write_text(text)
    frames = [SourceFrame(tmp_path / f"{name}.jpg", name) for name in ("images/d1/f0", "images/d2/f1")]
    if isinstance(expected, str):
        with pytest.raises(DataError, match=expected):
            read_labels(tmp_path / "labels.csv", frames)
        return
    labels, notes = read_labels(tmp_path / "labels.csv", frames)
    assert labels == {tmp_path / f"{name}.jpg": label for name, label in expected.items()}
    if len(expected) == 1:
        assert notes[0] == "1 of 2 rows of labels.csv name no photo, the first is nope.jpg."
        assert notes[1] == "1 of 2 photos have no row in labels.csv, so no label."


def test_labels_of_a_table_are_unknown_or_alike_as_those_of_data_csv_are(tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text("photo,label\n0,Park\n1,park\n2,nan\n3,#N/A\n4,-1\n5,2.0\n6,2\n7,\n")
    frames = [SourceFrame(tmp_path / f"{number}.jpg", str(number)) for number in range(8)]
    labels, notes = read_labels(table, frames)
    assert [labels[frame.photo] for frame in frames] == ["Park", "Park", "", "", "", "2", "2", ""]
    assert notes == ["3 labels of labels.csv are unknown (#N/A, -1, nan)."]


def test_photos_of_one_name_in_train_and_test_have_labels_of_their_own(tmp_path):
    for place in ("home", "away"):
        (tmp_path / place).mkdir()
        Image.new("RGB", (6, 4)).save(tmp_path / place / "0.jpg")
    table = tmp_path / "labels.csv"
    table.write_text("photo,label\nhome/0.jpg,corner\n")
    bring(tmp_path / "home", tmp_path / "one", tmp_path / "away", labels=Labels(str(table)))
    assert not (tmp_path / "one" / "reference").exists()  # no row names the photo of Test
    table.write_text("photo,label\nhome/0.jpg,corner\naway/0.jpg,park\n")
    bring(tmp_path / "home", tmp_path / "both", tmp_path / "away", labels=Labels(str(table)))
    for part, id in (("Train", 0), ("reference", 1)):
        assert pd.read_csv(tmp_path / "both" / part / "data.csv")["image_lvl_label"].tolist() == [id]


def test_accents_of_a_labels_table_may_be_written_otherwise_than_those_of_files(tmp_path):
    (tmp_path / "labels.csv").write_text("photo,label\ns\u00fcd/\u00e4.jpg,a\n", encoding="utf-8")
    frames = [SourceFrame(tmp_path / "su\u0308d" / "a\u0308.jpg", "0")]  # as macOS writes them
    assert read_labels(tmp_path / "labels.csv", frames) == ({frames[0].photo: "a"}, [])


def test_a_name_that_several_photos_have_needs_more_of_its_path(tmp_path):
    (tmp_path / "labels.csv").write_text("photo,label\nf0.jpg,a\n")
    frames = [SourceFrame(tmp_path / drive / "f0.jpg", f"{drive}/f0") for drive in ("d1", "d2")]
    with pytest.raises(DataError, match=r"found 2 for 'f0.jpg'; write more of its path, as d1/f0.jpg"):
        read_labels(tmp_path / "labels.csv", frames)


def test_time_and_place_are_read_from_exif(tmp_path):
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0x9003: "2026:02:03 09:30:01", 0x9291: "25"})
    exif.get_ifd(0x8825).update({1: "S", 2: (41.0, 30.0, 36.0), 3: "W", 4: (2.0, 15.0, 0.0)})
    Image.new("RGB", (6, 4)).save(tmp_path / "photo.jpg", exif=exif)
    found = {"timestamp": "2026-02-03T09:30:01.25", "lon": "-2.2500000", "lat": "-41.5100000"}
    assert read_place(tmp_path / "photo.jpg") == found
    Image.new("RGB", (6, 4)).save(tmp_path / "bare.jpg")
    assert read_place(tmp_path / "bare.jpg") == {}
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0x9003: "    :  :     :  :  "})  # of a camera whose clock was not set
    Image.new("RGB", (6, 4)).save(tmp_path / "unset.jpg", exif=exif)
    assert read_place(tmp_path / "unset.jpg") == {}
    exif = Image.Exif()
    unknown = (IFDRational(0, 0),) * 3
    exif[0x8825] = {1: "N", 2: unknown, 3: "E", 4: unknown}
    Image.new("RGB", (6, 4)).save(tmp_path / "lost.jpg", exif=exif)
    assert read_place(tmp_path / "lost.jpg") == {}  # not "nan"


def test_a_drive_is_named_by_a_regular_expression(tmp_path):
    options = Options(tmp_path, drive=r"(f\d)\.")
    bring(make_folders(tmp_path / "source"), tmp_path / "out", options=options)
    assert pd.read_csv(tmp_path / "out" / "Train" / "data.csv")["robot_id"].tolist() == ["f0", "f1"]
    with pytest.raises(SettingsError, match="must find a drive in the photos' paths, found none"):
        bring(tmp_path / "source", tmp_path / "none", options=Options(tmp_path, drive=r"(x\d)"))
    with pytest.raises(SettingsError, match="a regular expression with a group"):
        bring(tmp_path / "source", tmp_path / "wrong", options=Options(tmp_path, drive=r"f\d"))
    shutil.copytree(tmp_path / "source", tmp_path / "x1")  # the source's own path names no drive
    with pytest.raises(SettingsError, match="found none"):
        bring(tmp_path / "x1", tmp_path / "named", options=Options(tmp_path, drive=r"(x\d)"))


def write_video(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (32, 24))
    for value in range(7):
        writer.write(np.full((24, 32, 3), 30 * value, np.uint8))
    writer.release()
    return path


def test_videos_of_one_name_are_different_recordings(tmp_path):
    for drive in ("d1", "d2"):
        write_video(tmp_path / "videos" / drive / "front.avi")
    (tmp_path / "videos" / "d1" / "._front.avi").write_bytes(b"macOS' own")
    out = tmp_path / "out"
    bring(make_folders(tmp_path / "source"), out, tmp_path / "videos", options=Options(tmp_path, every=7))
    table = pd.read_csv(out / "Test" / "data.csv")
    assert table["robot_id"].tolist() == ["d1/front", "d2/front"]
    Image.new("RGB", (32, 24)).save(tmp_path / "videos" / "photo.jpg")  # photos and a video: photos
    bring(make_folders(tmp_path / "again"), tmp_path / "out2", tmp_path / "videos")
    assert pd.read_csv(tmp_path / "out2" / "Test" / "data.csv")["image_path"].tolist() == ["photos/photo.jpg"]


def test_frames_of_a_video_become_test(tmp_path):
    video = write_video(tmp_path / "walk.avi")
    bring(
        make_folders(tmp_path / "source"),
        tmp_path / "out",
        video,
        options=Options(tmp_path, every=3),
        link=True,
    )
    table = pd.read_csv(tmp_path / "out" / "Test" / "data.csv")
    assert table["image_path"].tolist() == [f"photos/walk/00000{number}.jpg" for number in (0, 3, 6)]
    assert set(table["robot_id"]) == {"walk"}
    with pytest.raises(DataError, match="a video has none, so it can be --test only"):
        bring(video, tmp_path / "none")
    photos = [cv2.imread(str(tmp_path / "out" / "Test" / path)).mean() for path in table["image_path"]]
    assert np.allclose(photos, [0, 90, 180], atol=3)
    assert (tmp_path / "out" / "Train" / "photos" / "images" / "d1" / "f0.jpg").is_symlink()


def test_unlabelled_pixels_do_not_count_on_request_also_where_a_class_is_called_background(tmp_path):
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "height": 24, "width": 32}],
        "categories": [{"id": 1, "name": "sidewalk"}, {"id": 2, "name": "background"}, {"id": 3, "name": 7}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[0, 0, 8, 0, 8, 8, 0, 8]]},
            {"id": 2, "image_id": 1, "category_id": 3, "segmentation": [[16, 0, 24, 0, 24, 8, 16, 8]]},
        ],
    }
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.json").write_text(json.dumps(content))
    Image.new("RGB", (32, 24)).save(source / "a.jpg")
    bring(source, tmp_path / "out", options=Options(tmp_path, unlabelled="ignore"))
    mask = np.asarray(Image.open(tmp_path / "out" / "Train" / "masks" / "a.png"))
    assert np.bincount(mask.ravel(), minlength=256)[[0, 1, 255]].tolist() == [64, 64, 640]
    names = pd.read_csv(tmp_path / "out" / "Train" / "classes.csv")["name"].tolist()
    assert names == ["sidewalk", "7", "ignore"]


def test_every_photo_keeps_a_mask_of_its_own(tmp_path):
    source = tmp_path / "source"
    (source / "masks").mkdir(parents=True)
    for number, name in enumerate(("img-2.jpg", "img.jpg", "A.jpg", "a.jpg")):
        Image.new("RGB", (6, 4)).save(source / name)
        Image.fromarray(np.full((4, 6), number % 2, np.uint8)).save(
            source / "masks" / f"{Path(name).stem}.png"
        )
    Image.new("RGB", (6, 4)).save(source / "img.png")
    bring(source, tmp_path / "out")
    masks = pd.read_csv(tmp_path / "out" / "Train" / "data.csv")["label_path"].str.casefold()
    assert masks.nunique() == len(masks) >= 4


def test_labels_of_folders_are_those_of_train_and_truth_may_be_labels_alone(tmp_path):
    for place, labels in (("home", ("corner", "park")), ("away", ("park", "tunnel"))):
        for label in labels:
            (tmp_path / place / label).mkdir(parents=True)
            Image.new("RGB", (6, 4)).save(tmp_path / place / label / f"{place}.jpg")
    bring(tmp_path / "home", tmp_path / "out", tmp_path / "away", labels=Labels("folders"))
    truth = pd.read_csv(tmp_path / "out" / "reference" / "data.csv")
    assert truth["image_path"].tolist() == ["photos/park/away.jpg"] and truth["image_lvl_label"].tolist() == [
        1
    ]


def test_a_free_id_is_ignored_where_255_is_a_class(tmp_path):
    source = make_folders(tmp_path / "source")
    (source / "classes.txt").write_text("background\nsidewalk\n")
    known = tmp_path / "known"
    known.mkdir()
    (known / "classes.csv").write_text("task,id,name\nmask,0,background\nmask,255,sidewalk\n")
    bring(source, tmp_path / "out", options=Options(tmp_path, classes=known))
    mask = np.asarray(Image.open(tmp_path / "out" / "Train" / "masks" / "images" / "d1" / "f0.png"))
    assert mask.tolist() == [[0, 0, 0, 255, 255, 255]] * 4
    classes = pd.read_csv(tmp_path / "out" / "Train" / "classes.csv")
    assert classes["id"].tolist()[:3] == [0, 255, 254]


def test_photos_of_16_bits_keep_them_and_broken_ones_are_named(tmp_path):
    source = make_folders(tmp_path / "source")
    photo = source / "images" / "d1" / "f0.jpg"
    photo.unlink()
    pixels = np.linspace(0, 65535, 24).astype(np.uint16).reshape(4, 6)
    Image.fromarray(pixels).save(photo.with_suffix(".tif"))
    bring(source, tmp_path / "out")
    written = tmp_path / "out" / "Train" / "photos" / "images" / "d1" / "f0.png"
    assert (np.asarray(Image.open(written)) == pixels).all()
    photo.with_suffix(".tif").write_bytes(b"II*\0broken")
    with pytest.raises(DataError, match=r"f0\.tif must be a photo, found one that cannot be read"):
        bring(source, tmp_path / "broken")


def test_masks_without_a_photo_are_counted(tmp_path):
    source = make_folders(tmp_path / "source")
    Image.fromarray(np.zeros((4, 6), np.uint8)).save(source / "masks" / "d1" / "more.png")
    left = " ".join(bring(source, tmp_path / "out").left)
    assert "1 files are named as masks but belong to no photo, the first is masks/d1/more.png" in left


def test_classes_of_test_are_found_by_name(tmp_path):
    source = make_folders(tmp_path / "source")
    (source / "classes.txt").write_text("road\npath\n")
    other = make_folders(tmp_path / "other")
    (other / "classes.txt").write_text("path\ngrass\n")
    brought = bring(source, tmp_path / "out", other)
    assert "only Test's truth has: grass" in " ".join(brought.left)
    mask = np.asarray(Image.open(tmp_path / "out" / "reference" / "masks" / "images" / "d1" / "f0.png"))
    assert mask.tolist() == [[1, 1, 1, 255, 255, 255]] * 4
    assert "label_path" not in pd.read_csv(tmp_path / "out" / "Test" / "data.csv")


def test_a_zip_is_unpacked_and_other_formats_of_photos_become_png(tmp_path):
    source = make_folders(tmp_path / "files" / "export")
    photo = source / "images" / "d1" / "f0.jpg"
    Image.open(photo).save(photo.with_suffix(".bmp"))
    photo.unlink()
    archive = shutil.make_archive(str(tmp_path / "export"), "zip", tmp_path / "files")
    bring(Path(archive), tmp_path / "out", link=True)
    table = pd.read_csv(tmp_path / "out" / "Train" / "data.csv")
    assert table["image_path"].tolist() == ["photos/images/d1/f0.png", "photos/images/d2/f1.jpg"]
    assert not (tmp_path / "out" / "Train" / table["image_path"][1]).is_symlink()


def test_a_message_names_the_zip_not_the_folder_it_was_unpacked_to(tmp_path):
    source = make_folders(tmp_path / "source")
    (source / "masks" / "d1" / "f0.png").write_bytes(b"broken")
    archive = shutil.make_archive(str(tmp_path / "export"), "zip", source)
    with pytest.raises(DataError, match=r"export.zip/masks/d1/f0.png") as raised:
        bring(Path(archive), tmp_path / "out")
    assert ".bring-" not in str(raised.value)


def test_vistas_masks_hold_the_places_of_its_classes(tmp_path):
    folder = tmp_path / "training"
    for path in ("images", "v2.0/labels"):
        (folder / path).mkdir(parents=True)
    Image.new("RGB", (3, 1)).save(folder / "images" / "a.jpg")
    Image.fromarray(np.array([[2, 0, 1]], np.uint8)).save(folder / "v2.0" / "labels" / "a.png")
    labels = [
        {"name": "a", "readable": "Road", "evaluate": True, "color": [1, 2, 3]},
        {"name": "b", "readable": "Unlabeled", "evaluate": False, "color": [0, 0, 0]},
        {"name": "c", "readable": "Curb", "evaluate": True, "color": [4, 5, 6]},
    ]
    (tmp_path / "config_v2.0.json").write_text(json.dumps({"labels": labels}))
    bring(tmp_path, tmp_path / "sub" / "out")
    classes = pd.read_csv(tmp_path / "sub" / "out" / "Train" / "classes.csv")
    assert classes["name"].tolist() == ["Road", "Curb", "ignore"]
    assert np.asarray(Image.open(tmp_path / "sub/out/Train/masks/a.png")).tolist() == [[1, 0, 255]]


# Errors ----------------------------------------------
def test_nothing_is_written_where_something_is_wrong(tmp_path):
    source = make_folders(tmp_path / "source")
    Image.new("L", (5, 4)).save(source / "masks" / "d1" / "f0.png")
    with pytest.raises(DataError, match="must have the photo's size, 4 x 6 px, found 4 x 5"):
        bring(source, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]


def test_a_turned_photo_is_named_as_the_reason(tmp_path):
    source = make_folders(tmp_path / "source")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (6, 4)).save(source / "images" / "d1" / "f0.jpg", exif=exif)
    with pytest.raises(DataError, match="turned by its EXIF"):
        bring(source, tmp_path / "out")


def test_what_cannot_be_brought_is_said(tmp_path):
    source = make_folders(tmp_path / "source")
    with pytest.raises(MissingError, match="SOURCE must be a folder, a zip or a video, found nothing at"):
        bring(tmp_path / "nowhere", tmp_path / "out")
    with pytest.raises(MissingError, match="--test must be a folder"):
        bring(source, tmp_path / "out", tmp_path / "nowhere")
    with pytest.raises(SettingsError, match="--format must be one of"):
        bring(source, tmp_path / "out", name="dicom")
    with pytest.raises(DataError, match="must be of the format voc"):
        bring(source, tmp_path / "out", name="voc")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="must be of one of the formats"):
        bring(tmp_path / "empty", tmp_path / "out")
    with pytest.raises(DataError, match="must be a new or an empty folder"):
        bring(source, source)
    shutil.rmtree(source / "masks")
    with pytest.raises(DataError, match="must hold masks or labels, found 2 photos without"):
        bring(source, tmp_path / "out")
    (tmp_path / "broken.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match="must be a zip, found a broken one"):
        bring(tmp_path / "broken.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_broken_shape_names_its_file(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(FILES / "labelme", source)
    path = source / "drive0" / "drive0_0000.json"
    content = json.loads(path.read_text())
    content["shapes"][0]["points"] = [[1, 2]]
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"drive0_0000.json: shape 1, road, must be one that labelme draws"):
        bring(source, tmp_path / "out")


def edit_labelme(folder, number, label):
    """Gives the first shape of a photo another label."""
    path = folder / "drive0" / f"drive0_000{number}.json"
    content = json.loads(path.read_text())
    content["shapes"][0]["label"] = label
    path.write_text(json.dumps(content))


def test_labels_of_labelme_are_text_without_blanks(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(FILES / "labelme", source)
    bring(source, tmp_path / "out")
    right = pd.read_csv(tmp_path / "out" / "Train" / "classes.csv")["name"]
    edit_labelme(source, 0, " road ")
    bring(source, tmp_path / "blanks")
    names = pd.read_csv(tmp_path / "blanks" / "Train" / "classes.csv")["name"]
    assert names.tolist() == right.tolist()
    edit_labelme(source, 0, 7)
    bring(source, tmp_path / "numbers")
    assert "7" in pd.read_csv(tmp_path / "numbers" / "Train" / "classes.csv", dtype=str)["name"].tolist()
    edit_labelme(source, 0, None)
    with pytest.raises(DataError, match=r"drive0_0000\.json: shape 1 must have a label, found none; name it"):
        bring(source, tmp_path / "none")


def test_a_json_of_labelme_that_cannot_be_read_is_named(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(FILES / "labelme", source)
    (source / "drive0" / "drive0_0000.json").write_text("")
    brought = bring(source, tmp_path / "out")
    assert len(brought.written.train) == 2
    (left,) = brought.left
    assert left.startswith("1 json files cannot be read, the first: ") and "drive0_0000.json" in left


def test_run_lengths_of_another_number_of_pixels_are_refused():
    square = {"size": [2, 3], "counts": [1, 2, 3]}  # column by column: 6 pixels
    assert read_area(square, (2, 3)).tolist() == [[False, True, False], [True, False, False]]
    with pytest.raises(ValueError, match="run lengths of 3 px"):
        read_area({"size": [2, 3], "counts": [1, 2]}, (2, 3))


def test_a_polygon_of_coco_needs_no_list_around_it():
    points = [0, 0, 4, 0, 4, 4, 0, 4]
    inside = read_area(points, (8, 8))
    assert inside.sum() == 16 and (inside == read_area([points], (8, 8))).all()


def test_the_verb_ends_with_the_doctors_report(command, tmp_path):
    code, output, _ = command("bring", str(FILES / "labelme"), str(tmp_path / "out"))
    assert code == 0
    assert "Labels: crossing 1, sidewalk 2." in output and "recordings" in output
    assert f'Next: make run DATA="{tmp_path / "out"}"' in output and "bring with --test" in output
