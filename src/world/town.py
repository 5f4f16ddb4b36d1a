"""Makes the recordings of a robot in a city: street, weather, houses and other solids, and the robot's way.

A recording follows from the seed, its city and its number.
"""

from dataclasses import dataclass, replace

import numpy as np

from src.world.cities import HOURS, City
from src.world.paint import Look
from src.world.scene import Solid
from src.world.street import ROAD, SIDEWALK, Street


@dataclass(frozen=True)
class Recording:
    """One drive of a robot along a street; lengths in metres.

    Attributes:
        city: of the street.
        name: begins the names of the frames' files.
        number: of the recording in its city, from 0.
        seed: of the world.
        frames: number of frames.
        street: the ground.
        look: materials, light and weather.
        solids: that stand on the street.
        walkers: (x from the robot's start, y, speed along x in metres a second, seed of the clothes) of each.
        camera_height: over the ground.
        camera_pitch: downwards, radians.
        line: y that the robot follows.
        begin: x of the first frame.
        direction: 1 or -1 along x.
        step: distance between two frames.
    """

    city: City
    name: str
    number: int
    seed: int
    frames: int
    street: Street
    look: Look
    solids: tuple[Solid, ...]
    walkers: tuple[tuple[float, float, float, int], ...]
    camera_height: float
    camera_pitch: float
    line: float
    begin: float
    direction: int
    step: float


def make_recording(city: City, number: int, frames: int, seed: int) -> Recording:
    """Makes a recording.

    Args:
        city: of the recording.
        number: of the recording in its city, from 0.
        frames: number of frames.
        seed: of the world.
    """
    rng = np.random.default_rng((seed, sum(map(ord, city.name)), number))
    downtown = number % city.downtown == 2
    detour = number % city.detours == 5
    street = _choose_street(city, downtown, rng)
    cars = 0.4 * city.cars if detour else city.cars
    solids, lamps = _place_solids(replace(city, cars=cars), street, downtown, rng)
    look = _choose_look(city, number, lamps, rng)
    direction = 1 if rng.random() < 0.6 else -1
    step = rng.uniform(0.42, 0.7)
    share = rng.uniform(0.7, 0.97) if number % 4 else 1.15  # every fourth recording stays on its block
    begin = -direction * (street.side_width / 2 + share * frames * step)
    walkers = tuple(_choose_walker(direction, street, rng) for _ in range(rng.integers(0, 4)))
    return Recording(
        city=city,
        name=f"{city.robot}-{number:02d}",
        number=number,
        seed=seed,
        frames=frames,
        street=street,
        look=look,
        solids=tuple(solids),
        walkers=walkers,
        camera_height=city.camera_height + rng.uniform(-0.06, 0.06),
        camera_pitch=city.camera_pitch + rng.normal(0, 0.02),
        line=rng.uniform(-3.0, -2.4) if detour else street.middle,
        begin=begin,
        direction=direction,
        step=step,
    )


def _choose_street(city: City, downtown: bool, rng: np.random.Generator) -> Street:
    """Varies a city's usual street."""
    return replace(
        city.street,
        verge=0.0 if downtown else city.street.verge * rng.uniform(0.5, 1.3),
        walk=city.street.walk * rng.uniform(0.85, 1.3),
        side_width=city.street.side_width * rng.uniform(0.85, 1.15),
        height=rng.uniform(0.10, 0.17),
        lawn=bool(rng.random() < 0.85) and not downtown,
        edge=city.edges[rng.integers(len(city.edges))],
        driveways=tuple(rng.uniform(14, 46, rng.integers(0, 3)).round(1).tolist()),
    )


def _choose_walker(
    direction: int, street: Street, rng: np.random.Generator
) -> tuple[float, float, float, int]:
    """Chooses a walker on the sidewalk: x from the robot's start, y, speed along x, seed of the clothes."""
    x = direction * rng.uniform(-4, 14)
    y = street.middle + rng.uniform(-0.8, 0.9)
    speed = rng.uniform(-0.9, 0.9)
    clothes = int(rng.integers(99))
    return x, y, speed, clothes


def _choose_look(city: City, number: int, lamps: list[tuple], rng: np.random.Generator) -> Look:
    """Chooses materials, light and weather of a recording."""
    name = city.hours[number % len(city.hours)]
    hour = HOURS[name]
    height = hour.height * rng.uniform(0.85, 1.15)
    bearing = hour.bearing + rng.uniform(-0.9, 0.9)
    colors = {}
    for zone, color in city.colors.items():
        varied = np.array(color) * rng.uniform(0.88, 1.12) + rng.normal(0, 0.012, 3)
        colors[zone] = tuple(np.clip(varied, 0, 1))
    paving = city.paving[rng.integers(len(city.paving))]
    if paving == "asphalt":
        colors[SIDEWALK] = tuple(np.array(colors[ROAD]) * rng.uniform(1.05, 1.35))
    dark = hour.lamps > 0
    return Look(
        colors=colors,
        paving=paving,
        slab=city.slab * rng.uniform(0.85, 1.15),
        sun=(np.cos(height) * np.cos(bearing), np.cos(height) * np.sin(bearing), np.sin(height)),
        sunlight=hour.sunlight,
        skylight=hour.skylight,
        sky=(hour.zenith, hour.horizon),
        lamps=tuple(lamps),
        lamp_light=hour.lamps,
        wet=0.8 if name == "wet" else float(rng.random() < 0.3) * 0.6 * dark,
        leaves=rng.uniform(0, 0.12) * (rng.random() < 0.5),
        wear=rng.uniform(0.1, 0.9),
        exposure=hour.exposure * rng.uniform(0.85, 1.2),
        balance=tuple(rng.uniform(0.94, 1.06, 3)),
        noise=rng.uniform(1.5, 3.0) * (2.2 if dark else 1),
        blur=rng.uniform(0, 2.2) * (1.5 if dark else 1),
        seed=int(rng.integers(1 << 16)),
    )


# Solids along a street ------------------------------------------------------------
def _place_solids(
    city: City, street: Street, downtown: bool, rng: np.random.Generator
) -> tuple[list[Solid], list[tuple]]:
    """Places houses, trees, cars, bins and lamps along the blocks; returns them and the lamps' lights."""
    solids = []
    lamps = []
    back = street.curb + street.verge + street.walk
    for block in (-2, -1, 0, 1):
        begin = block * street.pitch + street.side_width / 2
        end = begin + street.pitch - street.side_width
        for side, line in ((1, 0.0), (-1, -street.main_width)):
            solids += _build_houses(city, (begin, end), (line, side), back, downtown, rng)
            for x in np.arange(begin + 5, end - 4, rng.uniform(7, 11)):
                place = street.curb + (0.5 if downtown else street.verge / 2)
                if rng.random() < city.trees * (0.5 if downtown else 1):
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


def _build_houses(
    city: City,
    block: tuple[float, float],
    curb: tuple[float, int],
    back: float,
    downtown: bool,
    rng: np.random.Generator,
) -> list[Solid]:
    """Builds the houses on one side of a block: shops at the sidewalk downtown, else behind hedges and walls.

    Args:
        city: of the street.
        block: x of its beginning and of its end.
        curb: y of the curb's line, and 1 or -1 for the side of it on which the block lies.
        back: distance from the curb's line to the back of the sidewalk.
        downtown: True for shops.
        rng: source of every random draw.
    """
    begin, end = block
    line, side = curb
    yard = back + (rng.uniform(0.05, 0.5) if downtown else rng.uniform(1.5, 6.0))
    solids = []
    x = begin + yard
    while x < end - yard - 5:
        width = min(rng.uniform(7, 13), end - yard - x)
        height = rng.uniform(2.6, 7.5)
        front = city.fronts[rng.integers(len(city.fronts))]
        front = tuple(np.clip(np.array(front) * rng.uniform(0.85, 1.1), 0, 1))
        center = (x + width / 2, line + side * (yard + 4), height)
        pattern = "shop" if downtown and rng.random() < 0.7 else "windows"
        solids.append(Solid("box", center, (width / 2, 4, height), front, pattern=pattern))
        fence = "" if downtown else rng.choice(["hedge", "wall", "", ""])
        center = (x + width / 2, line + side * (back + 0.5))
        half = width / 2 - 0.6
        if fence == "hedge":
            green = (0.20 * rng.uniform(0.8, 1.3), 0.34, 0.15)
            tall = rng.uniform(0.45, 0.8)
            solids.append(Solid("box", (*center, tall), (half, 0.35, tall), green, pattern="leaves"))
        elif fence == "wall":
            tall = rng.uniform(0.25, 0.55)
            solids.append(Solid("box", (*center, tall), (half, 0.12, tall), front))
        x += width + (0.0 if downtown else rng.choice([0.0, 2.5, 4.0]))
    return solids


def _make_tree(x: float, y: float, ground: float, rng: np.random.Generator) -> list[Solid]:
    """Makes a tree of a tube and several balls."""
    trunk = rng.uniform(1.6, 2.8)
    radius = rng.uniform(0.9, 1.9)
    thick = rng.uniform(0.08, 0.2)
    center = (x, y, ground + trunk / 2)
    solids = [Solid("tube", center, (thick, thick, trunk / 2), (0.33, 0.26, 0.20), pattern="bark")]
    green = np.array([0.24, 0.38, 0.14]) * rng.uniform(0.75, 1.25)
    for _ in range(rng.integers(3, 6)):
        shift = rng.normal(0, 0.38, 3) * radius
        size = radius * rng.uniform(0.55, 0.85)
        center = (x + shift[0], y + shift[1], ground + trunk + 0.6 * radius + 0.7 * shift[2])
        color = tuple(green * rng.uniform(0.85, 1.15))
        solids.append(Solid("ball", center, (size, size, 0.85 * size), color, pattern="leaves"))
    return solids


def _make_car(x: float, y: float, rng: np.random.Generator) -> list[Solid]:
    """Makes a car of boxes and four wheels."""
    paints = (
        (0.75, 0.76, 0.78),
        (0.12, 0.12, 0.14),
        (0.55, 0.10, 0.09),
        (0.15, 0.25, 0.45),
        (0.45, 0.46, 0.47),
        (0.85, 0.85, 0.82),
    )
    paint = paints[rng.integers(len(paints))]
    length = rng.uniform(1.9, 2.3)
    solids = [
        Solid("box", (x, y, 0.62), (length, 0.86, 0.30), paint),
        Solid("box", (x - 0.15, y, 1.12), (length * 0.55, 0.74, 0.22), (0.09, 0.11, 0.13)),
        Solid("box", (x - 0.15, y, 1.38), (length * 0.50, 0.70, 0.05), paint),
    ]
    for along in (-1, 1):
        for across in (-1, 1):
            center = (x + along * length * 0.62, y + across * 0.74, 0.32)
            solids.append(Solid("ball", center, (0.32, 0.13, 0.32), (0.06, 0.06, 0.06)))
    return solids


def make_person(x: float, y: float, ground: float, seed: int) -> list[Solid]:
    """Makes a person of tubes and balls who stands at x, y on the ground; the seed chooses the clothes."""
    rng = np.random.default_rng((seed, 5))
    grey = rng.uniform(0.08, 0.6)
    coat = tuple(np.clip(grey + rng.normal(0, 0.09, 3), 0.04, 0.8))
    legs = tuple(rng.uniform(0.05, 0.28, 3))
    skin = tuple(np.array([0.72, 0.52, 0.41]) * rng.uniform(0.5, 1.15))
    stride = rng.uniform(-0.14, 0.14)
    tall = rng.uniform(0.93, 1.06)
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
