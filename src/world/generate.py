"""Renders the built-in world: recordings of a sidewalk robot in two cities, in the project's layout.

`python -m src world OUT` writes `OUT/Train` (one city), and `OUT/Test` and `OUT/reference` (another city,
another robot, months later). Nothing of it is real; `world.json` in each folder marks it. With the same
library versions the same seed gives the same bytes, however many processes render.
"""

import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from src.common.errors import DataError
from src.common.progress import show_progress
from src.data.classes import DEFAULT_LABEL, write_classes
from src.world import cities, render, town
from src.world.cities import City
from src.world.scene import Camera
from src.world.town import Recording

LABELS = {name: id for id, name, _ in DEFAULT_LABEL}
METRES_A_DEGREE = 111_320.0


# One frame ------------------------------------------------------------
@dataclass(frozen=True)
class Pose:
    """The robot's place and motion at one frame.

    Attributes:
        x: metres along the street.
        y: metres across the street.
        heading: radians, 0 along x, counted towards y.
        camera: on the robot.
        seconds: since the recording's first frame.
        speed: metres a second.
        turn_rate: radians a second.
        label: name of the kind of place.
    """

    x: float
    y: float
    heading: float
    camera: Camera
    seconds: float
    speed: float
    turn_rate: float
    label: str


def pose_robot(recording: Recording, frame: int, size: tuple[int, int]) -> Pose:
    """Computes the robot's pose at a frame, and the kind of place.

    Args:
        recording: of `town.make_recording`.
        frame: from 0.
        size: (height, width) of the photo in pixels.
    """
    rng = np.random.default_rng((recording.seed, recording.number, 91))
    phase = rng.uniform(0, 2 * np.pi, 4)
    sway = rng.uniform(0.1, 0.35)
    x = recording.begin + recording.direction * recording.step * frame
    y = recording.line + sway * np.sin(0.11 * frame + phase[0])
    turn = 0.10 * np.sin(0.19 * frame + phase[1]) + 0.05 * np.sin(0.53 * frame + phase[2])
    heading = (0 if recording.direction > 0 else np.pi) + turn
    street = recording.street
    inside = float(street.measure_inside(np.array(x), np.array(y)))
    ground = float(street.compute_height(np.array(x), np.array(y), np.array(inside)))
    wobble = np.random.default_rng((recording.seed, recording.number, frame)).normal(0, 0.008, 3)
    position = (x, y, ground + recording.camera_height + wobble[2])
    pitch = recording.camera_pitch + wobble[0] + 0.01 * np.sin(0.7 * frame + phase[3])
    roll = 1.4 * wobble[1]
    return Pose(
        x=x,
        y=y,
        heading=heading,
        camera=Camera(position, heading, pitch, roll, size),
        seconds=0.6 * frame,
        speed=recording.step / 0.6,
        # The fast part of the turn is missing here by mistake. It stays so, for the world must not change.
        turn_rate=0.019 * np.cos(0.19 * frame + phase[1]) / 0.6,
        label=_name_place(recording, x, inside),
    )


def _name_place(recording: Recording, x: float, inside: float) -> str:
    """Names the kind of place at x, at a distance `inside` the curb's line: crossing, corner or sidewalk."""
    if inside < 0:
        return "crossing"
    street = recording.street
    from_side_street = np.abs(street.measure_side(np.array(x))) - street.side_width / 2
    is_ahead = recording.direction * float(street.measure_side(np.array(x))) < 0
    if from_side_street < street.radius + 2.5 and is_ahead:
        return "corner"
    return "sidewalk"


def render_frame(recording: Recording, frame: int, size: tuple[int, int]) -> render.Picture:
    """Renders one frame of a recording.

    Args:
        recording: of `town.make_recording`.
        frame: from 0.
        size: (height, width) in pixels.
    """
    pose = pose_robot(recording, frame, size)
    rng = np.random.default_rng((recording.seed, recording.number, frame, 1))
    solids = [solid for solid in recording.solids if abs(solid.center[0] - pose.x) < 70]
    for x, y, speed, seed in recording.walkers:
        walker_x = recording.begin + x + speed * pose.seconds
        # People nearer to the robot are left out, as if they stepped aside.
        if np.hypot(walker_x - pose.x, y - pose.y) > 1.2:
            solids += town.make_person(walker_x, y, recording.street.height, seed)
    return render.render(recording.street, solids, recording.look, pose.camera, rng)


def describe_frame(recording: Recording, frame: int, size: tuple[int, int]) -> dict[str, object]:
    """Makes a frame's row of `data.csv`, with every column of the data contract."""
    pose = pose_robot(recording, frame, size)
    stem = f"{recording.name}_{frame:03d}"
    city = recording.city
    north = (150.0 * recording.number + pose.y) / METRES_A_DEGREE
    east = pose.x / METRES_A_DEGREE / np.cos(np.radians(city.origin[1]))
    elapsed = pd.Timedelta(days=recording.number, hours=9, seconds=pose.seconds)
    time = pd.Timestamp(city.start, tz="UTC") + elapsed
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
        "angular_speed": round(pose.turn_rate, 4),
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
    """Renders Train, Test and reference in the project's layout, about 30 to 40 frames a recording.

    Args:
        out: folder to make.
        train: frames of the home city.
        test: frames of the other city.
        size: (height, width) of the photos in pixels.
        seed: of everything.
        workers: processes that render; their number does not change a byte.

    Returns:
        `out`.

    Raises:
        DataError: `out` holds data that are not a rendered world.
    """
    for folder in ("Train", "Test"):
        if (out / folder / "data.csv").exists() and not (out / folder / "world.json").exists():
            raise DataError(
                f"The world goes into a folder of its own, found other data in {out / folder}; name another."
            )
    for folder in ("Train", "Test", "reference"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    jobs = _list_jobs(cities.HOME, train, 37.5, seed, (size, out / "Train", out / "Train"))
    jobs += _list_jobs(cities.AWAY, test, 30.0, seed, (size, out / "Test", out / "reference"))
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        written = pool.map(_write_frame, jobs, chunksize=4)
        rows = list(show_progress(written, desc="Rendering", total=len(jobs), unit="frame"))
    about = {"synthetic": True, "seed": seed, "size": list(size)}
    _write_tables(out, rows[:train], rows[train:], about)
    return out


def _list_jobs(city: City, frames: int, length: float, seed: int, rest: tuple) -> list[tuple]:
    """Lists the jobs of a city, one a frame; its recordings have about `length` frames each.

    Args:
        city: of the recordings.
        frames: of all recordings together.
        length: of a recording, in frames.
        seed: of the world.
        rest: size, folder of photos and depth, folder of masks; the last part of each job.
    """
    parts = np.array_split(np.arange(frames), max(1, round(frames / length)))
    jobs = []
    for number, part in enumerate(parts):
        recording = town.make_recording(city, number, len(part), seed)
        jobs += [(recording, frame, *rest) for frame in range(recording.frames)]
    return jobs


def _write_frame(job: tuple) -> dict[str, object]:
    """Renders a frame, writes its photo, depth and mask, and returns its row of `data.csv`."""
    recording, frame, size, photo_folder, mask_folder = job
    cv2.setNumThreads(1)  # the processes share the cores
    picture = render_frame(recording, frame, size)
    row = describe_frame(recording, frame, size)
    photo = cv2.cvtColor(picture.photo, cv2.COLOR_RGB2BGR)
    _write_image(photo_folder / row["depth_path"], picture.depth, [])
    _write_image(mask_folder / row["label_path"], picture.mask, [])
    _write_image(photo_folder / row["image_path"], photo, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return row


def _write_image(path: Path, pixels: np.ndarray, options: list[int]) -> None:
    """Writes an image file; `cv2.imwrite` would raise no error where it fails."""
    _, content = cv2.imencode(path.suffix, pixels, options)
    path.write_bytes(content.tobytes())


def _write_tables(out: Path, train: list[dict], test: list[dict], about: dict) -> None:
    """Writes tables, classes and `world.json`.

    A third of the Train frames have no label, one in forty has no mask.

    Args:
        out: folder of the world.
        train: rows of Train.
        test: rows of Test.
        about: content of each `world.json`.
    """
    # Before the tables: `write_world` refuses a folder that has a table but no world.json.
    for folder in ("Train", "Test"):
        (out / folder / "world.json").write_text(json.dumps(about), encoding="utf-8")
    table = pd.DataFrame(train)
    table["image_lvl_label"] = table["image_lvl_label"].astype("Int64")
    number = np.arange(len(table))
    table.loc[number % 3 == 1, "image_lvl_label"] = pd.NA
    table.loc[number % 40 == 12, "label_path"] = ""
    table.to_csv(out / "Train" / "data.csv", index=False)
    truth = pd.DataFrame(test)
    truth.drop(columns=["label_path", "image_lvl_label"]).to_csv(out / "Test" / "data.csv", index=False)
    truth[["image_path", "label_path", "image_lvl_label"]].to_csv(out / "reference" / "data.csv", index=False)
    for folder in ("Train", "reference"):
        write_classes(out / folder)
    # Last, as a sign that the world is complete.
    (out / "reference" / "world.json").write_text(json.dumps(about), encoding="utf-8")
