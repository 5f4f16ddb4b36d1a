"""The built-in world: recordings of a sidewalk robot in two cities, rendered in the project's layout.

`python -m src world OUT` writes `OUT/Train` (one city), `OUT/Test` and `OUT/reference` (another city, another
robot, months later). Nothing of it is real: `world.json` in each folder says so. The same seed gives the same
bytes on the same library versions, frame by frame, however many processes render.
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
    """Where the robot is at one frame: metres, radians, seconds, metres a second, radians a second."""

    x: float
    y: float
    heading: float
    camera: Camera
    seconds: float
    speed: float
    turn_rate: float
    label: str


def pose_robot(recording: Recording, frame: int, size: tuple[int, int]) -> Pose:
    """Finds where the robot is at a frame, and the kind of place that is."""
    street, rng = recording.street, np.random.default_rng((recording.seed, recording.number, 91))
    phase, sway = rng.uniform(0, 2 * np.pi, 4), rng.uniform(0.1, 0.35)
    x = recording.begin + recording.direction * recording.step * frame
    y = recording.line + sway * np.sin(0.11 * frame + phase[0])
    turn = 0.10 * np.sin(0.19 * frame + phase[1]) + 0.05 * np.sin(0.53 * frame + phase[2])
    heading = (0 if recording.direction > 0 else np.pi) + turn
    inside = float(street.inside(np.array(x), np.array(y)))
    ground = float(street.ground(np.array(x), np.array(y), np.array(inside)))
    wobble = np.random.default_rng((recording.seed, recording.number, frame)).normal(0, 0.008, 3)
    position = (x, y, ground + recording.camera_height + wobble[2])
    pitch, roll = recording.camera_pitch + wobble[0] + 0.01 * np.sin(0.7 * frame + phase[3]), 1.4 * wobble[1]
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
        # the fast part of the turn is left out by mistake; the world is frozen with it
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
            solids += town.make_person(place, y, ground, seed)
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
        workers: processes that render; they do not change a byte.

    Returns:
        `out`.

    Raises:
        DataError: `out` holds data that are no rendered world.
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
    _write_tables(out, rows[:train], rows[train:], {"synthetic": True, "seed": seed, "size": list(size)})
    return out


def _list_jobs(city: City, frames: int, length: float, seed: int, rest: tuple) -> list[tuple]:
    """Shares the frames out among recordings of about equal length; a job is a frame of one of them."""
    parts = np.array_split(np.arange(frames), max(1, round(frames / length)))
    recordings = [town.make_recording(city, number, len(part), seed) for number, part in enumerate(parts)]
    return [(recording, frame, *rest) for recording in recordings for frame in range(recording.frames)]


def _write_frame(job: tuple) -> dict[str, object]:
    recording, frame, size, photos, answers = job
    cv2.setNumThreads(1)  # the processes share the cores
    picture, row = render_frame(recording, frame, size), describe_frame(recording, frame, size)
    photo = cv2.cvtColor(picture.photo, cv2.COLOR_RGB2BGR)
    files = [(photos / row["depth_path"], picture.depth, []), (answers / row["label_path"], picture.mask, [])]
    files.append((photos / row["image_path"], photo, [cv2.IMWRITE_JPEG_QUALITY, 90]))
    for path, pixels, how in files:  # imwrite would fail without a word
        path.write_bytes(cv2.imencode(path.suffix, pixels, how)[1].tobytes())
    return row


def _write_tables(out: Path, train: list[dict], test: list[dict], about: dict) -> None:
    """Writes tables, classes, marks: a third of the Train frames lose their label, each fortieth its mask."""
    for folder in ("Train", "Test"):  # before its table, for what has none is not overwritten
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
    (out / "reference" / "world.json").write_text(
        json.dumps(about), encoding="utf-8"
    )  # last: the world is whole
