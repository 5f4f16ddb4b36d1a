"""The built-in world: recordings of a sidewalk robot in two cities, rendered in the project's layout.

`python -m src.world OUT` writes `OUT/Train` (one city), `OUT/Test` and `OUT/reference` (another city, another
robot, months later). Nothing of it is real: `world.json` in each folder says so. The same seed gives the same
bytes on the same library versions, frame by frame, however many processes render.
"""

import argparse
import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from tqdm import tqdm

from src import render
from src.render import Camera, Look, Solid, Street

LABELS = {"corner": 0, "crossing": 1, "sidewalk": 2}
METRES_A_DEGREE = 111_320.0
USUAL_MINUTES, WORLD_MINUTES = 30, 8  # of training where MINUTES is "auto"


@dataclass(frozen=True)
class City:
    """What the streets of a city, and the robot that drives there, have in common.

    Attributes:
        name: of the city.
        robot: the robot's id.
        origin: longitude and latitude, degrees.
        start: day of the first recording, ISO 8601.
        street: the usual ground; each recording varies it.
        colors: RGB reflectance of the ground's zones, 0 to 1.
        paving: patterns of the sidewalk to choose from.
        slab: side of a slab in metres.
        fronts: colours of the houses.
        camera_height: over the ground, metres.
        camera_pitch: downwards, radians.
        hours: kinds of light to choose from, one after another.
        trees: share of places that have a tree.
        cars: share of places at the curb that have a parked car.
    """

    name: str
    robot: str
    origin: tuple[float, float]
    start: str
    street: Street
    colors: dict[int, tuple[float, float, float]]
    paving: tuple[str, ...]
    slab: float
    fronts: tuple[tuple[float, float, float], ...]
    camera_height: float
    camera_pitch: float
    hours: tuple[str, ...]
    trees: float
    cars: float


HOME = City(
    name="home",
    robot="robot-a",
    origin=(-75.5906, 6.2086),
    start="2026-02-03",
    street=Street(verge=1.9, walk=1.8, crossing_width=2.6, crossing_style="zebra"),
    colors={
        render.SKY: (0, 0, 0),
        render.ROAD: (0.34, 0.34, 0.35),
        render.CROSSING: (0.34, 0.34, 0.35),
        render.CURB: (0.68, 0.67, 0.64),
        render.VERGE: (0.31, 0.43, 0.19),
        render.SIDEWALK: (0.66, 0.64, 0.60),
        render.TACTILE: (0.84, 0.67, 0.16),
        render.LAWN: (0.34, 0.46, 0.21),
        render.PAVING: (0.58, 0.55, 0.50),
        render.DRIVEWAY: (0.56, 0.55, 0.53),
    },
    paving=("slabs", "slabs", "bricks", "smooth"),
    slab=1.4,
    fronts=((0.62, 0.36, 0.28), (0.80, 0.74, 0.62), (0.55, 0.55, 0.57), (0.72, 0.60, 0.42)),
    camera_height=0.55,
    camera_pitch=0.04,
    hours=("noon", "morning", "overcast", "dusk", "night"),
    trees=0.6,
    cars=0.5,
)
AWAY = City(
    name="away",
    robot="robot-b",
    origin=(-118.2851, 34.0224),
    start="2026-07-14",
    street=Street(
        verge=2.6,
        walk=1.6,
        curb=0.2,
        radius=3.5,
        crossing_width=2.5,
        crossing_style="ladder",
    ),
    colors={
        render.SKY: (0, 0, 0),
        render.ROAD: (0.42, 0.41, 0.40),
        render.CROSSING: (0.42, 0.41, 0.40),
        render.CURB: (0.74, 0.71, 0.64),
        render.VERGE: (0.44, 0.47, 0.22),
        render.SIDEWALK: (0.74, 0.70, 0.62),
        render.TACTILE: (0.66, 0.26, 0.20),
        render.LAWN: (0.40, 0.48, 0.20),
        render.PAVING: (0.66, 0.58, 0.50),
        render.DRIVEWAY: (0.64, 0.61, 0.57),
    },
    paving=("bricks", "slabs"),
    slab=0.6,
    fronts=((0.86, 0.82, 0.74), (0.78, 0.58, 0.44), (0.70, 0.76, 0.74)),
    camera_height=0.72,
    camera_pitch=0.12,
    hours=("evening", "night", "wet", "noon"),
    trees=0.45,
    cars=0.7,
)
LIGHT = {  # sun's height and bearing (radians), its light, the sky's light, zenith, horizon, lamps, exposure
    "noon": (
        1.0,
        2.2,
        (1.25, 1.18, 1.05),
        (0.40, 0.46, 0.56),
        (0.32, 0.52, 0.88),
        (0.78, 0.86, 0.95),
        0,
        0.85,
    ),
    "morning": (
        0.45,
        0.7,
        (1.15, 0.98, 0.72),
        (0.36, 0.42, 0.54),
        (0.42, 0.58, 0.85),
        (0.92, 0.86, 0.78),
        0,
        1.0,
    ),
    "evening": (
        0.35,
        3.9,
        (1.20, 0.88, 0.52),
        (0.34, 0.38, 0.52),
        (0.40, 0.48, 0.78),
        (0.97, 0.80, 0.60),
        0,
        1.05,
    ),
    "overcast": (
        0.9,
        1.0,
        (0.0, 0.0, 0.0),
        (0.92, 0.95, 1.0),
        (0.72, 0.75, 0.80),
        (0.86, 0.88, 0.90),
        0,
        0.9,
    ),
    "wet": (0.8, 4.4, (0.0, 0.0, 0.0), (0.72, 0.77, 0.86), (0.55, 0.59, 0.66), (0.76, 0.79, 0.83), 0, 1.0),
    "dusk": (
        0.1,
        3.0,
        (0.0, 0.0, 0.0),
        (0.20, 0.22, 0.33),
        (0.20, 0.24, 0.42),
        (0.72, 0.50, 0.44),
        0.25,
        1.6,
    ),
    "night": (
        0.1,
        3.0,
        (0.0, 0.0, 0.0),
        (0.020, 0.024, 0.04),
        (0.04, 0.05, 0.10),
        (0.16, 0.14, 0.15),
        1.0,
        2.2,
    ),
}


@dataclass(frozen=True)
class Recording:
    """One drive of a robot: where it goes, and what stands and how it looks there."""

    city: City
    name: str
    number: int
    seed: int
    frames: int
    street: Street
    look: Look
    solids: tuple[Solid, ...]
    walkers: tuple[tuple[float, float, float, int], ...]  # x, y, speed along x, colour's seed
    begin: float
    direction: int
    step: float


def make_recording(city: City, number: int, frames: int, seed: int) -> Recording:
    """Makes a recording of a city: its street, weather, things and way, all from the seed and its number.

    Args:
        city: where.
        number: of the recording in its city, from 0.
        frames: how many.
        seed: of the world.
    """
    rng = np.random.default_rng((seed, sum(map(ord, city.name)), number))
    verge = city.street.verge * rng.uniform(0.5, 1.3) * (rng.random() > 0.12)
    street = replace(
        city.street,
        verge=verge,
        walk=city.street.walk * rng.uniform(0.85, 1.3),
        side_width=city.street.side_width * rng.uniform(0.85, 1.15),
        height=rng.uniform(0.10, 0.17),
        lawn=bool(rng.random() < 0.8),
        driveways=tuple(rng.uniform(14, 46, rng.integers(0, 3)).round(1).tolist()),
    )
    solids, lamps = _furnish(city, street, rng)
    look = _choose_look(city, number, lamps, rng)
    direction = 1 if rng.random() < 0.6 else -1
    step = rng.uniform(0.42, 0.7)
    before = (
        rng.uniform(0.6, 0.95) * frames * step if number % 4 else 1.15 * frames * step
    )  # each fourth stays on its block
    begin = -direction * (street.side_width / 2 + before)
    walkers = tuple(
        (
            direction * rng.uniform(-4, 14),
            street.middle + rng.uniform(-0.8, 0.9),
            rng.uniform(-0.9, 0.9),
            int(rng.integers(99)),
        )
        for _ in range(rng.integers(0, 4))
    )
    name = f"{city.robot}-{number:02d}"
    return Recording(
        city, name, number, seed, frames, street, look, tuple(solids), walkers, begin, direction, step
    )


def _choose_look(city: City, number: int, lamps: list[tuple], rng: np.random.Generator) -> Look:
    hour = city.hours[number % len(city.hours)]
    height, bearing, sunlight, skylight, zenith, horizon, lamp_light, exposure = LIGHT[hour]
    height, bearing = height * rng.uniform(0.85, 1.15), bearing + rng.uniform(-0.9, 0.9)
    colors = {
        zone: tuple(np.clip(np.array(color) * rng.uniform(0.88, 1.12) + rng.normal(0, 0.012, 3), 0, 1))
        for zone, color in city.colors.items()
    }
    dark = lamp_light > 0
    return Look(
        colors=colors,
        paving=city.paving[rng.integers(len(city.paving))],
        slab=city.slab * rng.uniform(0.85, 1.15),
        sun=(np.cos(height) * np.cos(bearing), np.cos(height) * np.sin(bearing), np.sin(height)),
        sunlight=sunlight,
        skylight=skylight,
        sky=(zenith, horizon),
        lamps=tuple(lamps),
        lamp_light=lamp_light,
        wet=0.8 if hour == "wet" else float(rng.random() < 0.3) * 0.6 * dark,
        leaves=rng.uniform(0, 0.12) * (rng.random() < 0.5),
        wear=rng.uniform(0.1, 0.9),
        exposure=exposure * rng.uniform(0.85, 1.2),
        balance=tuple(rng.uniform(0.94, 1.06, 3)),
        noise=rng.uniform(1.5, 3.0) * (2.2 if dark else 1),
        blur=rng.uniform(0, 2.2) * (1.5 if dark else 1),
        seed=int(rng.integers(1 << 16)),
    )


# What stands along a street ------------------------------------------------------------


def _furnish(city: City, street: Street, rng: np.random.Generator) -> tuple[list[Solid], list[tuple]]:
    """Puts houses, trees, hedges, lamps, cars and bins along the blocks; gives also the lamps' places."""
    solids, lamps = [], []
    back = street.curb + street.verge + street.walk
    far = -street.main_width
    for block in (-2, -1, 0, 1):
        begin, end = (
            block * street.pitch + street.side_width / 2,
            (block + 1) * street.pitch - street.side_width / 2,
        )
        for side, line in ((1, 0.0), (-1, far)):
            yard = back + rng.uniform(1.5, 6.0)
            x = begin + yard
            while x < end - yard - 5:
                width, height = rng.uniform(7, 13), rng.uniform(2.6, 7.5)
                front = city.fronts[rng.integers(len(city.fronts))]
                front = tuple(np.clip(np.array(front) * rng.uniform(0.85, 1.1), 0, 1))
                center = (x + width / 2, line + side * (yard + 4), height)
                solids.append(Solid("box", center, (width / 2, 4, height), front, pattern="windows"))
                if rng.random() < 0.2:
                    center = (x + width / 2, line + side * (back + 0.5), 0.55)
                    green = (0.20 * rng.uniform(0.8, 1.3), 0.34, 0.15)
                    solids.append(
                        Solid(
                            "box",
                            center,
                            (width / 2 - 0.6, 0.35, rng.uniform(0.35, 0.7)),
                            green,
                            pattern="leaves",
                        )
                    )
                x += width + rng.choice([0.0, 2.5, 4.0])
            for x in np.arange(begin + 5, end - 4, rng.uniform(7, 11)):
                place = street.curb + street.verge / 2 if street.verge > 0.5 else back + 0.6
                if rng.random() < city.trees:
                    solids += _make_tree(x + rng.uniform(-1, 1), line + side * place, street.height, rng)
                if rng.random() < city.cars and abs(x - begin) > 6 and abs(x - end) > 6:
                    solids += _make_car(x, line - side * 1.15, rng)
                if rng.random() < 0.15:
                    half = rng.uniform(0.2, 0.32)
                    center = (x + 2.2, line + side * (back - 0.35), street.height + 0.5)
                    solids.append(Solid("box", center, (half, half, 0.5), tuple(rng.uniform(0.1, 0.4, 3))))
            for x in np.arange(begin + 3, end, 18.0):
                y = line + side * (street.curb + 0.35)
                solids.append(Solid("tube", (x, y, 2.6), (0.07, 0.07, 2.6), (0.33, 0.34, 0.35)))
                lamps.append((x, y - side * 0.8, 5.2))
    return solids, lamps


def _make_tree(x: float, y: float, ground: float, rng: np.random.Generator) -> list[Solid]:
    trunk, radius = rng.uniform(1.6, 2.8), rng.uniform(0.9, 1.9)
    thick = rng.uniform(0.08, 0.2)
    solids = [
        Solid(
            "tube", (x, y, ground + trunk / 2), (thick, thick, trunk / 2), (0.33, 0.26, 0.20), pattern="bark"
        )
    ]
    green = np.array([0.24, 0.38, 0.14]) * rng.uniform(0.75, 1.25)
    for _ in range(rng.integers(3, 6)):
        shift, size = rng.normal(0, 0.38, 3) * radius, radius * rng.uniform(0.55, 0.85)
        center = (x + shift[0], y + shift[1], ground + trunk + 0.6 * radius + 0.7 * shift[2])
        solids.append(
            Solid(
                "ball",
                center,
                (size, size, 0.85 * size),
                tuple(green * rng.uniform(0.85, 1.15)),
                pattern="leaves",
            )
        )
    return solids


def _make_car(x: float, y: float, rng: np.random.Generator) -> list[Solid]:
    paints = (
        (0.75, 0.76, 0.78),
        (0.12, 0.12, 0.14),
        (0.55, 0.10, 0.09),
        (0.15, 0.25, 0.45),
        (0.45, 0.46, 0.47),
        (0.85, 0.85, 0.82),
    )
    paint, length = paints[rng.integers(len(paints))], rng.uniform(1.9, 2.3)
    body = [
        Solid("box", (x, y, 0.62), (length, 0.86, 0.30), paint),
        Solid("box", (x - 0.15, y, 1.12), (length * 0.55, 0.74, 0.22), (0.09, 0.11, 0.13)),
        Solid("box", (x - 0.15, y, 1.38), (length * 0.50, 0.70, 0.05), paint),
    ]
    wheels = [(x + along * length * 0.62, y + across * 0.74, 0.32) for along in (-1, 1) for across in (-1, 1)]
    return body + [Solid("ball", center, (0.32, 0.13, 0.32), (0.06, 0.06, 0.06)) for center in wheels]


def _make_person(x: float, y: float, ground: float, seed: int) -> list[Solid]:
    rng = np.random.default_rng((seed, 5))
    grey = rng.uniform(0.08, 0.6)
    coat, legs = tuple(np.clip(grey + rng.normal(0, 0.09, 3), 0.04, 0.8)), tuple(rng.uniform(0.05, 0.28, 3))
    skin = tuple(np.array([0.72, 0.52, 0.41]) * rng.uniform(0.5, 1.15))
    stride, tall = rng.uniform(-0.14, 0.14), rng.uniform(0.93, 1.06)
    parts = [
        ("tube", (stride, -0.09, 0.42), (0.075, 0.075, 0.42), legs),
        ("tube", (-stride, 0.09, 0.42), (0.075, 0.075, 0.42), legs),
        ("ball", (0.0, 0.0, 0.92), (0.13, 0.18, 0.17), legs),
        ("ball", (0.0, 0.0, 1.20), (0.14, 0.21, 0.33), coat),
        ("ball", (0.7 * stride, -0.25, 1.13), (0.055, 0.06, 0.32), coat),
        ("ball", (-0.7 * stride, 0.25, 1.13), (0.055, 0.06, 0.32), coat),
        ("ball", (0.0, 0.0, 1.64), (0.10, 0.09, 0.13), skin),
        ("ball", (0.0, 0.0, 1.70), (0.105, 0.095, 0.09), (0.10, 0.08, 0.07)),
    ]
    return [
        Solid(kind, (x + at[0], y + at[1], ground + at[2] * tall), half, color)
        for kind, at, half, color in parts
    ]


# One frame ------------------------------------------------------------


@dataclass(frozen=True)
class Pose:
    """Where the robot is at one frame: metres, radians, seconds, metres a second."""

    x: float
    y: float
    heading: float
    camera: Camera
    seconds: float
    speed: float
    turn: float
    label: str


def pose_robot(recording: Recording, frame: int, size: tuple[int, int]) -> Pose:
    """Finds where the robot is at a frame, and the kind of place that is."""
    street, rng = recording.street, np.random.default_rng((recording.seed, recording.number, 91))
    phase, sway = rng.uniform(0, 2 * np.pi, 4), rng.uniform(0.1, 0.35)
    x = recording.begin + recording.direction * recording.step * frame
    y = street.middle + sway * np.sin(0.11 * frame + phase[0])
    turn = 0.10 * np.sin(0.19 * frame + phase[1]) + 0.05 * np.sin(0.53 * frame + phase[2])
    heading = (0 if recording.direction > 0 else np.pi) + turn
    inside = float(street.inside(np.array(x), np.array(y)))
    ground = float(street.ground(np.array(x), np.array(y), np.array(inside)))
    wobble = np.random.default_rng((recording.seed, recording.number, frame)).normal(0, 0.008, 3)
    city = recording.city
    position = (x, y, ground + city.camera_height + wobble[2])
    pitch, roll = city.camera_pitch + wobble[0] + 0.01 * np.sin(0.7 * frame + phase[3]), 1.4 * wobble[1]
    side = np.abs(street.side(np.array(x))) - street.side_width / 2
    ahead = recording.direction * float(street.side(np.array(x))) < 0
    label = "crossing" if inside < 0 else "corner" if side < street.radius + 2.5 and ahead else "sidewalk"
    speed = recording.step / 0.6
    return Pose(
        x,
        y,
        heading,
        Camera(position, heading, pitch, roll, size),
        0.6 * frame,
        speed,
        0.019 * np.cos(0.19 * frame + phase[1]) / 0.6,
        label,
    )


def render_frame(recording: Recording, frame: int, size: tuple[int, int]) -> render.Picture:
    """Renders one frame of a recording.

    Args:
        recording: of `make_recording`.
        frame: from 0.
        size: (height, width) in pixels.
    """
    pose, rng = (
        pose_robot(recording, frame, size),
        np.random.default_rng((recording.seed, recording.number, frame, 1)),
    )
    solids = [solid for solid in recording.solids if abs(solid.center[0] - pose.x) < 70]
    for x, y, speed, seed in recording.walkers:
        place = recording.begin + x + speed * pose.seconds
        if np.hypot(place - pose.x, y - pose.y) > 1.2:  # people step aside
            ground = recording.street.height
            solids += _make_person(place, y, ground, seed)
    return render.render(recording.street, solids, recording.look, pose.camera, rng)


def describe_frame(recording: Recording, frame: int, size: tuple[int, int]) -> dict[str, object]:
    """Makes a frame's row of `data.csv`, with every column of the data contract."""
    pose, stem, city = pose_robot(recording, frame, size), f"{recording.name}_{frame:03d}", recording.city
    north = (150.0 * recording.number + pose.y) / METRES_A_DEGREE
    east = pose.x / METRES_A_DEGREE / np.cos(np.radians(city.origin[1]))
    time = pd.Timestamp(city.start, tz="UTC") + pd.Timedelta(
        days=recording.number, hours=9, seconds=pose.seconds
    )
    return {
        "timestamp": time.isoformat(),
        "kiwibot_id": city.robot,
        "image_path": f"{stem}.jpg",
        "label_path": f"{stem}_seg.png",
        "image_lvl_label": LABELS[pose.label],
        "depth_path": f"{stem}_depth.png",
        "lon": round(city.origin[0] + east, 7),
        "lat": round(city.origin[1] + north, 7),
        "roll": round(pose.camera.roll, 4),
        "pitch": round(pose.camera.pitch, 4),
        "yaw": round(pose.heading, 4),
        "linear_speed": round(pose.speed, 3),
        "angular_speed": round(pose.turn, 4),
    }


# The whole world ------------------------------------------------------------


def write_world(
    out: Path,
    train: int = 300,
    test: int = 120,
    size: tuple[int, int] = (360, 640),
    seed: int = 0,
    workers: int = 2,
) -> Path:
    """Renders Train, Test and reference in the project's layout, 30 to 40 frames a recording.

    Args:
        out: folder to make.
        train: frames of the home city.
        test: frames of the other city.
        size: (height, width) of the photos in pixels.
        seed: of everything.
        workers: processes that render; they do not change a byte.

    Returns:
        `out`.
    """
    for folder in ("Train", "Test", "reference"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    jobs = _list_jobs(HOME, train, 37.5, seed, (size, out / "Train", out / "Train"))
    jobs += _list_jobs(AWAY, test, 30.0, seed, (size, out / "Test", out / "reference"))
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        rows = list(
            tqdm(
                pool.map(_write_frame, jobs, chunksize=4), "Rendering", len(jobs), unit="frame", mininterval=1
            )
        )
    _write_tables(out, rows[:train], rows[train:], {"synthetic": True, "seed": seed, "size": list(size)})
    return out


def _list_jobs(city: City, frames: int, length: float, seed: int, rest: tuple) -> list[tuple]:
    """Shares the frames out among recordings of about equal length; a job is a frame of one of them."""
    parts = np.array_split(np.arange(frames), max(1, round(frames / length)))
    recordings = [make_recording(city, number, len(part), seed) for number, part in enumerate(parts)]
    return [(recording, frame, *rest) for recording in recordings for frame in range(recording.frames)]


def find_data(folder: str | Path, world: Path = Path("world")) -> Path:
    """Gives the folder that holds Train and Test: the user's, or the built-in world where that is empty.

    Args:
        folder: what the settings say; "." is the project's own folder, whose data the world stands in for.
        world: where the world is rendered on first use.
    """
    folder = Path(folder)
    if folder != Path() or (folder / "Train" / "data.csv").exists():
        return folder
    if not (world / "reference" / "world.json").exists():  # what is written last
        print("Train/ holds no data.csv, so the built-in world is rendered and used; it is synthetic.")
        write_world(world)
    return world


def find_reference(reference: str | Path, folder: Path) -> Path | None:
    """Gives the folder with the truth of Test: what the settings say, the world's own, or None."""
    if reference:
        return Path(reference)
    return folder / "reference" if (folder / "Test" / "world.json").exists() else None


def choose_minutes(minutes: str | float, folder: Path) -> float:
    """Gives the minutes of training that the settings say, or for "auto" what the data deserve.

    Raises:
        ValueError: neither "auto" nor a positive number.
    """
    if minutes == "auto":
        return WORLD_MINUTES if name_source(folder) else USUAL_MINUTES
    if not isinstance(minutes, (int, float)) or minutes <= 0:
        raise ValueError(f"MINUTES must be 'auto' or a positive number, found {minutes!r}; try 30.")
    return minutes


def name_source(folder: Path) -> str:
    """Says what figures of a data folder must say: "synthetic world" for a rendered one, else nothing."""
    return "synthetic world" if (folder / "Train" / "world.json").exists() else ""


def _write_frame(job: tuple) -> dict[str, object]:
    recording, frame, size, photos, answers = job
    cv2.setNumThreads(1)  # the processes share the cores
    picture, row = render_frame(recording, frame, size), describe_frame(recording, frame, size)
    photo = cv2.cvtColor(picture.photo, cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(photos / row["image_path"]), photo, [cv2.IMWRITE_JPEG_QUALITY, 90])
    cv2.imwrite(str(photos / row["depth_path"]), picture.depth)
    cv2.imwrite(str(answers / row["label_path"]), picture.mask)
    return row


def _write_tables(out: Path, train: list[dict], test: list[dict], about: dict) -> None:
    """Writes the tables: a third of the Train frames lose their label, and every fortieth its mask."""
    table = pd.DataFrame(train)
    table["image_lvl_label"] = table["image_lvl_label"].astype("Int64")
    number = np.arange(len(table))
    table.loc[number % 3 == 1, "image_lvl_label"] = pd.NA
    table.loc[number % 40 == 12, "label_path"] = ""
    table.to_csv(out / "Train" / "data.csv", index=False)
    truth = pd.DataFrame(test)
    truth.drop(columns=["label_path", "image_lvl_label"]).to_csv(out / "Test" / "data.csv", index=False)
    truth[["image_path", "label_path", "image_lvl_label"]].to_csv(out / "reference" / "data.csv", index=False)
    for folder in ("Train", "Test", "reference"):
        (out / folder / "world.json").write_text(json.dumps(about))


def parse_size(text: str) -> tuple[int, int]:
    """Reads "360x640" as (360, 640)."""
    height, width = map(int, text.lower().split("x"))
    return height, width


def main() -> None:
    """`python -m src.world OUT`."""
    parser = argparse.ArgumentParser(prog="python -m src.world", description="Renders the built-in world.")
    parser.add_argument("out", type=Path, help="folder to make; Train/, Test/ and reference/ come into it")
    parser.add_argument("--train", type=int, default=300, help="frames of the home city (default: 300)")
    parser.add_argument("--test", type=int, default=120, help="frames of the other city (default: 120)")
    parser.add_argument(
        "--size", type=parse_size, default=(360, 640), help="HxW in pixels (default: 360x640)"
    )
    parser.add_argument("--seed", type=int, default=0, help="another seed, other scenes (default: 0)")
    parser.add_argument("--workers", type=int, default=2, help="processes that render (default: 2)")
    arguments = parser.parse_args()
    out = write_world(
        arguments.out, arguments.train, arguments.test, arguments.size, arguments.seed, arguments.workers
    )
    print(f"{out}/Train, {out}/Test and {out}/reference are rendered.")


if __name__ == "__main__":
    main()
