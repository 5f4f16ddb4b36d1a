import argparse
import dataclasses
import itertools
import json

import cv2
import numpy as np
import pandas as pd
import pytest

from src.commands import world as commands_world
from src.common import arguments, errors
from src.data import classes as class_lists
from src.data.samples import read_samples
from src.world import cities, generate, render, scene, town
from src.world.street import CROSSING, CURB, LAWN, SIDEWALK, TACTILE, VERGE, Street

SIZE = (180, 320)


def render_some(city, seeds=(0,), size=SIZE, every=6):
    for seed in seeds:
        for number in range(4):
            recording = town.make_recording(city, number, 36, seed)
            for frame in range(0, 36, every):
                yield recording, frame, generate.render_frame(recording, frame, size)


@pytest.fixture(scope="module")
def pictures():
    """Frames of both cities: (recording, number of the frame, picture)."""
    return [*render_some(cities.HOME), *render_some(cities.AWAY)]


def test_depth_of_the_sidewalk_is_the_grounds(pictures):
    for recording, frame, picture in pictures:
        camera = generate.pose_robot(recording, frame, SIZE).camera
        walk = (picture.surface.zone == SIDEWALK) & (picture.depth > 0)
        points = (
            np.array(camera.position) + (picture.depth[walk] / 1000.0)[:, None] * camera.compute_rays()[walk]
        )
        x, y = points[:, 0], points[:, 1]
        ramp = recording.street.find_corridor(x, y) | recording.street.find_driveway(x, y)
        points = points[~ramp]  # they are no part of the plane
        if len(points) < 2000:
            continue
        plane = np.linalg.lstsq(np.c_[points[:, :2], np.ones(len(points))], points[:, 2], rcond=None)[0]
        height = camera.position[2] - (plane @ [camera.position[0], camera.position[1], 1])
        assert height == pytest.approx(camera.position[2] - recording.street.height, rel=0.02)


def test_curb_face_is_nearer_than_the_road_behind_it():
    street = Street()
    camera = scene.Camera((20.0, -2.0, 0.6), np.pi / 2, 0.2, 0.0, SIZE)
    rays = camera.compute_rays()
    surface = scene.cast_ground(street, camera, rays)
    surface.face &= surface.depth < 6  # the curb across the robot's way, not those of far side streets
    road = camera.position[2] / -rays[..., 2]  # depth of the road's plane along each ray
    assert surface.face.sum() > 100
    assert (surface.depth[surface.face] < road[surface.face]).all()
    height = surface.point[surface.face][:, 2]
    assert height.min() >= -0.01 and height.max() <= street.height + 0.01
    np.testing.assert_allclose(
        surface.point[surface.face][:, 1], 0.0, atol=0.01
    )  # it stands on the curb's line


def test_solids_hide_the_ground_and_are_background():
    street, size = Street(), SIZE
    camera = scene.Camera((20.0, 2.0, 0.7), 0.0, 0.1, 0.0, size)
    rays = camera.compute_rays()
    surface = scene.cast_ground(street, camera, rays)
    before = surface.depth.copy()
    box = scene.Solid("box", (24.0, 2.0, 0.63), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    scene.add_solids(surface, [box], camera, rays)
    hit = surface.solid == 0
    assert hit.sum() > 500 and (surface.depth[hit] < before[hit]).all()
    assert (scene.MASK_CLASS[surface.zone[hit]] == 0).all()
    assert surface.depth[hit].min() == pytest.approx(
        3.5 * np.cos(0.1), abs=0.1
    )  # its front stands half a metre before its middle
    assert (surface.depth[~hit] == before[~hit]).all()


@pytest.mark.parametrize("kind, half", [("ball", 1.0), ("tube", 1.0)])
def test_round_things_are_met_where_they_stand(kind, half):
    camera = scene.Camera((0.0, 0.0, 1.0), 0.0, 0.0, 0.0, SIZE)
    surface = scene.cast_ground(Street(), camera, camera.compute_rays())
    scene.add_solids(
        surface, [scene.Solid(kind, (5.0, 0.0, 1.0), (half,) * 3, (1, 1, 1))], camera, camera.compute_rays()
    )
    assert surface.depth[SIZE[0] // 2, SIZE[1] // 2] == pytest.approx(4.0, abs=0.01)
    width = (surface.solid[SIZE[0] // 2] == 0).sum() / (scene.FOCAL * SIZE[1])
    assert width == pytest.approx(2 * half / np.sqrt(5.0**2 - half**2), abs=0.01)  # seen at its tangents


@pytest.mark.parametrize("wet", [0.0, 1.0])
def test_a_wall_may_hide_ground_and_sky(wet):
    wall = scene.Solid("box", (2.0, 0.0, 0.0), (0.5, 50.0, 50.0), (0.5, 0.5, 0.5))
    camera = scene.Camera((0.0, 0.0, 0.6), 0.0, 0.0, 0.0, SIZE)
    look = dataclasses.replace(town.make_recording(cities.HOME, 0, 36, 0).look, wet=wet)
    picture = render.render(Street(), [wall], look, camera, np.random.default_rng(0))
    assert (picture.surface.solid == 0).all() and not picture.mask.any() and picture.photo.std() > 0


def test_every_class_and_label_occurs_in_the_order_of_life(pictures):
    for city in (cities.HOME, cities.AWAY):
        masks = [picture.mask for recording, _, picture in pictures if recording.city == city]
        background, sidewalk, crosswalk, curb, grass, tactile = np.bincount(np.ravel(masks), minlength=6)
        assert background > sidewalk > grass > crosswalk > curb > tactile > 0
        recordings = [town.make_recording(city, number, 36, 0) for number in range(8)]
        poses = itertools.product(recordings, range(0, 36, 4))
        labels = [generate.pose_robot(recording, frame, SIZE).label for recording, frame in poses]
        assert max(set(labels), key=labels.count) == "sidewalk"
        assert set(labels) == {"corner", "crossing", "sidewalk"}


def test_same_seed_same_bytes_other_seed_other_scene(tmp_path):
    for name, seed, workers in (("a", 3, 1), ("b", 3, 2), ("c", 4, 1)):
        generate.write_world(tmp_path / name, train=6, test=3, size=(72, 128), seed=seed, workers=workers)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    # photo, mask and depth of each frame; three tables, three marks, two lists of classes
    assert len(files) == 6 * 3 + 3 * 3 + 3 + 3 + 2
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)
    photos = [name for name in files if name.suffix == ".jpg"]
    assert all(
        (tmp_path / "a" / name).read_bytes() != (tmp_path / "c" / name).read_bytes() for name in photos
    )


def test_zones_are_the_classes_that_are_written():
    ids = {name: id for id, name, _ in class_lists.DEFAULT_MASK}
    named = {
        CROSSING: "crosswalk",
        CURB: "curb",
        VERGE: "grass",
        LAWN: "grass",
        SIDEWALK: "sidewalk",
        TACTILE: "tactile paving",
    }
    assert [ids[named.get(zone, "background")] for zone in range(11)] == scene.MASK_CLASS.tolist()
    assert set(generate.LABELS) == {"corner", "crossing", "sidewalk"}


def test_others_data_are_not_overwritten(tmp_path):
    (tmp_path / "Train").mkdir()
    (tmp_path / "Train" / "data.csv").write_text("image_path\nmine.jpg\n")
    with pytest.raises(errors.DataError, match="a folder of its own, found other data in"):
        generate.write_world(tmp_path, 1, 1)
    assert "mine" in (tmp_path / "Train" / "data.csv").read_text()


def test_tables_keep_the_data_contract_and_cities_apart(tmp_path):
    generate.write_world(tmp_path, train=40, test=4, size=(36, 64), workers=1)
    classes = class_lists.read_classes(tmp_path / "Train")
    train, test = (read_samples(tmp_path / part, classes) for part in ("Train", "Test"))
    assert {"timestamp", "kiwibot_id", "depth_path", "lon", "lat", "yaw", "linear_speed"} <= set(
        train.columns
    )
    assert "label_path" not in test and "image_lvl_label" not in test
    assert (
        0.25 < (train["label"] < 0).mean() < 0.4
        and 0 < ((train["mask"] == "") & (train["label"] >= 0)).sum() <= 2
    )
    assert not set(train["robot"]) & set(test["robot"])
    assert abs(float(train["lon"].iloc[0]) - float(test["lon"].iloc[0])) > 1
    truth = pd.read_csv(tmp_path / "reference" / "data.csv")
    mask = cv2.imread(str(tmp_path / "reference" / truth["label_path"][0]), cv2.IMREAD_UNCHANGED)
    depth = cv2.imread(str(tmp_path / "Test" / test["depth_path"].iloc[0]), cv2.IMREAD_UNCHANGED)
    assert mask.shape == depth.shape == (36, 64) and depth.dtype == np.uint16 and depth.max() < 10_500
    assert json.loads((tmp_path / "Test" / "world.json").read_text())["synthetic"] is True


@pytest.mark.parametrize("text", ["big", "0x0", "360", "16x640", "1x2x3"])
def test_sizes_that_are_none_are_named(text):
    with pytest.raises(argparse.ArgumentTypeError, match=text):
        commands_world.parse_size(text)
    assert commands_world.parse_size("360X640") == (360, 640) and arguments.parse_count("7") == 7
    for count in ("-1", "0", "1.5", "²"):
        with pytest.raises(argparse.ArgumentTypeError, match=f"whole number of 1 or more, found '{count}'"):
            arguments.parse_count(count)


@pytest.mark.parametrize("text", ["-1", "1.5", "4000000001"])
def test_a_seed_that_is_none_is_named(text, command, tmp_path):
    code, _, errors = command("world", tmp_path / "world", "--seed", text)
    assert code == 2 and f"must be a whole number from 0 to 4,000,000,000, found '{text}'" in errors
    assert not (tmp_path / "world").exists() and arguments.parse_seed("4000000000") == 4_000_000_000
