"""Writes the data sets of this folder, each by the tool that README.md names, for `tests/test_bring.py`.

The tools need an environment of their own:

    python -m venv tools
    tools/bin/pip install datumaro labelme label-studio-sdk pycocotools cityscapesscripts torch ultralytics
    tools/bin/python tests/bring_files/make.py
"""

import io
import json
import shutil
from contextlib import redirect_stdout
from pathlib import Path

import cv2
import datumaro
import numpy as np
from cityscapesscripts.helpers.labels import name2label
from cityscapesscripts.preparation.json2labelImg import json2labelImg
from datumaro.components.annotation import AnnotationType, LabelCategories, Mask, MaskCategories
from label_studio_sdk.converter import brush
from label_studio_sdk.converter.converter import Converter, Format
from labelme._label_file import LabelFile
from labelme.utils import img_arr_to_b64
from labelme.utils.shape import shapes_to_label
from PIL import Image
from pycocotools import mask as coco_masks
from pycocotools.coco import COCO
from ultralytics.data.converter import convert_coco

HERE = Path(__file__).parent
SHAPE = (24, 32)
CLASSES = {"background": (0, 0, 0), "road": (128, 64, 128), "sidewalk": (244, 35, 232), "car": (0, 0, 142)}
NAMES = list(CLASSES)
FRAMES = {  # name: polygons of (x, y), the later ones above the earlier
    "drive0_0000": {
        "road": [[0, 23], [8, 9], [25, 9], [31, 23]],
        "car": [[24, 1], [30, 1], [30, 7], [24, 7]],
    },
    "drive0_0001": {"road": [[0, 23], [10, 9], [23, 9], [31, 23]], "sidewalk": [[1, 5], [9, 2], [6, 11]]},
    "drive1_0002": {"sidewalk": [[3, 20], [12, 4], [29, 22]], "car": [[1, 1], [9, 1], [9, 6], [1, 6]]},
}
TEST = "drive1_0002"  # where the format has a test part


def draw(polygons: dict[str, list]) -> np.ndarray:
    """Draws the ids of a frame, uint8 SHAPE."""
    mask = np.zeros(SHAPE, np.uint8)
    for name, points in polygons.items():
        cv2.fillPoly(mask, [np.array(points, np.int32)], NAMES.index(name))
    return mask


MASKS = {name: draw(polygons) for name, polygons in FRAMES.items()}


def write_photo(path: Path) -> None:
    """Writes the photo of a frame, whose classes have their colours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(list(CLASSES.values()), np.uint8)[MASKS[path.stem]]).save(path, quality=90)


def start(name: str) -> Path:
    """Makes the empty folder of a data set."""
    shutil.rmtree(HERE / name, ignore_errors=True)
    (HERE / name).mkdir()
    return HERE / name


def write_truth() -> None:
    """Writes the masks that the data sets hold."""
    folder = start("truth")
    for name, mask in MASKS.items():
        Image.fromarray(mask).save(folder / f"{name}.png")


def write_datumaro() -> None:
    """Exports by Datumaro, whose code CVAT exports with, too."""
    items = []
    for name, mask in MASKS.items():
        photo = np.array(list(CLASSES.values()), np.uint8)[mask]
        items.append(
            datumaro.DatasetItem(
                id=name,
                subset="test" if name == TEST else "train",
                media=datumaro.Image.from_numpy(data=photo[..., ::-1]),
                annotations=[Mask(image=mask == id, label=id) for id in np.unique(mask)],
            )
        )
    categories = {
        AnnotationType.label: LabelCategories.from_iterable(NAMES),
        AnnotationType.mask: MaskCategories(colormap=dict(enumerate(CLASSES.values()))),
    }
    dataset = datumaro.Dataset.from_iterable(items, categories=categories)
    for format in ("coco", "voc_segmentation", "cityscapes", "camvid"):
        how = {} if format == "coco" else {"label_map": "source"}
        folder = start(f"datumaro_{format}")
        dataset.export(str(folder), format, save_media=True, **how)


def write_coco() -> None:
    """Writes polygons, run lengths as text and as numbers (a crowd), and a box, with pycocotools."""
    folder = start("pycocotools")
    images = []
    annotations = []
    for number, (name, mask) in enumerate(MASKS.items(), start=1):
        write_photo(folder / "images" / f"{name}.jpg")
        images.append({"id": number, "file_name": f"{name}.jpg", "width": SHAPE[1], "height": SHAPE[0]})
        for id in np.unique(mask[mask > 0]).tolist():
            area = coco_masks.encode(np.asfortranarray(mask == id, np.uint8))
            area["counts"] = area["counts"].decode()
            crowd = name == "drive0_0001"
            if crowd:
                changes = np.flatnonzero(np.diff(np.r_[0, (mask == id).flatten("F"), 0]))
                area["counts"] = np.diff(np.r_[0, changes, mask.size]).tolist()
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": 10 * id,
                    "iscrowd": int(crowd),
                }
                | {"segmentation": area, "area": float((mask == id).sum()), "bbox": [0, 0, 1, 1]}
            )
    box = {"id": 99, "image_id": 1, "category_id": 10, "segmentation": [], "area": 4.0, "bbox": [1, 1, 2, 2]}
    annotations.append(box | {"iscrowd": 0})
    categories = [{"id": 10 * id, "name": name} for id, name in enumerate(NAMES) if id]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "annotations.json").write_text(json.dumps(content))
    COCO(folder / "annotations.json")


def write_polygons() -> None:
    """Writes COCO's polygons, what pycocotools draws of them, and what Ultralytics makes of them."""
    folder = start("coco_polygons")
    truth = start("truth_polygons")
    images = []
    annotations = []
    for number, (name, polygons) in enumerate(FRAMES.items(), start=1):
        write_photo(folder / "images" / f"{name}.jpg")
        images.append({"id": number, "file_name": f"{name}.jpg", "width": SHAPE[1], "height": SHAPE[0]})
        for kind, points in polygons.items():
            flat = [float(value) for point in points for value in point]
            x, y, width, height = cv2.boundingRect(np.array(points, np.int32))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": NAMES.index(kind),
                    "iscrowd": 0,
                }
                | {"segmentation": [flat], "area": float(width * height), "bbox": [x, y, width, height]}
            )
    categories = [{"id": id, "name": name} for id, name in enumerate(NAMES) if id]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "instances.json").write_text(json.dumps(content))
    coco = COCO(folder / "instances.json")
    for image in images:
        mask = np.zeros(SHAPE, np.uint8)
        found = coco.loadAnns(coco.getAnnIds(image["id"]))
        for annotation in sorted(found, key=lambda one: -int(coco.annToMask(one).sum())):
            mask[coco.annToMask(annotation) > 0] = annotation["category_id"]
        Image.fromarray(mask).save(truth / Path(image["file_name"]).with_suffix(".png"))
    write_ultralytics(folder)


def write_ultralytics(coco: Path) -> None:
    """Converts COCO's polygons by Ultralytics, and writes its masks as its documentation says."""
    folder = start("ultralytics_polygons")
    shutil.rmtree(folder)
    convert_coco(str(coco), str(folder), use_segments=True, cls91to80=False)
    lines = folder / "labels" / "instances"
    lines.rename(folder / "labels" / "train")
    for name in FRAMES:
        write_photo(folder / "images" / "train" / f"{name}.jpg")
    names = "".join(f"  {id}: {name}\n" for id, name in enumerate(NAMES[1:]))
    (folder / "data.yaml").write_text(f"path: .\ntrain: images/train\nval: images/train\nnames:\n{names}")
    folder = start("ultralytics_masks")
    for name, mask in MASKS.items():
        part = "test" if name == TEST else "train"
        write_photo(folder / "images" / part / f"{name}.jpg")
        (folder / "masks" / part).mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(folder / "masks" / part / f"{name}.png")
    names = "".join(f"  {id}: {name}\n" for id, name in enumerate(NAMES))
    (folder / "data.yaml").write_text(
        "path: .\ntrain: images/train\nval: images/train\ntest: images/test\nmasks_dir: masks\n"
        f"names:\n{names}"
    )


def write_labelme() -> None:
    """Saves json files by labelme: each kind of shape, a flag as label, one photo inside its json."""
    folder = start("labelme")
    truth = start("truth_labelme")
    part = np.zeros((5, 4), np.uint8)
    part[1:4, 1:3] = 1
    others = [
        ("car", "rectangle", [[2, 2], [6, 4]]),
        ("__ignore__", "circle", [[20, 5], [22, 5]]),
        ("road", "linestrip", [[1, 18], [9, 21], [14, 20]]),
        ("car", "point", [[28, 12]]),
        ("sidewalk", "line", [[2, 12], [6, 14]]),
        ("car", "mask", [[12, 1], [15, 5]]),
    ]
    for name, polygons in FRAMES.items():
        shapes = [(kind, "polygon", points) for kind, points in polygons.items()] + others
        saved = []
        for label, kind, points in shapes:
            values = [[float(x), float(y)] for x, y in points]
            shape = {"label": label, "points": values, "group_id": None, "shape_type": kind, "flags": {}}
            saved.append(
                shape | {"description": "", "mask": img_arr_to_b64(part) if kind == "mask" else None}
            )
        drive = folder / name.split("_")[0]
        photo = drive / f"{name}.jpg"
        write_photo(photo)
        LabelFile().save(
            filename=str(drive / f"{name}.json"),
            shapes=saved,
            image_path=photo.name,
            image_height=SHAPE[0],
            image_width=SHAPE[1],
            image_data=photo.read_bytes() if name == TEST else None,
            other_data={},
            flags={"crossing": name == TEST, "sidewalk": name != TEST},
        )
        if name == TEST:
            photo.unlink()
        drawn = [dict(shape, mask=part.astype(bool)) for shape in saved]
        ids = {"__ignore__": 255, **{kind: id for id, kind in enumerate(NAMES)}}
        Image.fromarray(shapes_to_label((*SHAPE, 3), drawn, ids)[0].astype(np.uint8)).save(
            truth / f"{name}.png"
        )


def write_label_studio() -> None:
    """Converts brush strokes by Label Studio's converter, with a choice for the whole photo."""
    folder = start("label_studio")
    tasks = []
    for number, (name, mask) in enumerate(MASKS.items(), start=1):
        write_photo(folder / "photos" / f"{name}.jpg")
        about = {"to_name": "image", "original_width": SHAPE[1], "original_height": SHAPE[0]}
        results = []
        for id in np.unique(mask[mask > 0]).tolist():
            strokes = brush.mask2rle(np.uint8(255 * (mask == id)))
            value = {"format": "rle", "rle": strokes, "brushlabels": [NAMES[id]]}
            results.append(
                about | {"id": f"area{id}", "type": "brushlabels", "from_name": "tag", "value": value}
            )
        choice = {"choices": ["crossing" if name == TEST else "sidewalk"]}
        results.append(about | {"id": "choice", "type": "choices", "from_name": "place", "value": choice})
        author = {"id": 1, "email": "someone@example.org"}
        annotation = {"id": 100 + number, "completed_by": author, "result": results, "was_cancelled": False}
        data = {"image": f"/data/upload/1/0a1b2c3d-{name}.jpg"}
        tasks.append({"id": number, "data": data, "annotations": [annotation], "predictions": []})
    (folder / "project.json").write_text(json.dumps(tasks))
    (folder / "brush").mkdir()
    tags = "".join(f'<Label value="{name}"/>' for name in NAMES[1:])
    config = (
        '<View><Image name="image" value="$image"/>'
        f'<BrushLabels name="tag" toName="image">{tags}</BrushLabels>'
        '<Choices name="place" toName="image"><Choice value="crossing"/><Choice value="sidewalk"/></Choices>'
        "</View>"
    )
    converter = Converter(config, str(folder))
    converter.convert(str(folder / "project.json"), str(folder / "brush"), Format.BRUSH_TO_PNG, is_dir=False)


def write_cityscapes() -> None:
    """Draws polygons as labelIds by Cityscapes' own scripts."""
    folder = start("cityscapesscripts")
    for number, (name, polygons) in enumerate(FRAMES.items()):
        stem = f"town_00000{number // 2}_{number:06d}"
        part = "test" if name == TEST else "train"
        photo = folder / "leftImg8bit" / part / "town" / f"{stem}_leftImg8bit.png"
        photo.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.array(list(CLASSES.values()), np.uint8)[MASKS[name]]).save(photo)
        truth = folder / "gtFine" / part / "town"
        truth.mkdir(parents=True, exist_ok=True)
        objects = [{"label": kind, "polygon": points} for kind, points in polygons.items()]
        content = {"imgHeight": SHAPE[0], "imgWidth": SHAPE[1], "objects": objects}
        path = truth / f"{stem}_gtFine_polygons.json"
        path.write_text(json.dumps(content))
        json2labelImg(str(path), str(truth / f"{stem}_gtFine_labelIds.png"), "ids")
    assert name2label["road"].id == 7


if __name__ == "__main__":
    with redirect_stdout(io.StringIO()):
        write_truth()
        write_datumaro()
        write_coco()
        write_polygons()
        write_labelme()
        write_label_studio()
        write_cityscapes()
