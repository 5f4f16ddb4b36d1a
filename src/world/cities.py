"""Two cities, one for Train and one for Test, and the light of several times of day."""

from dataclasses import dataclass
from typing import NamedTuple

from src.world.street import (
    CROSSING,
    CURB,
    DRIVEWAY,
    LAWN,
    PAVING,
    ROAD,
    SIDEWALK,
    SKY,
    TACTILE,
    VERGE,
    Street,
)


@dataclass(frozen=True)
class City:
    """What all recordings of a city have in common: its streets and its robot.

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
        hours: keys of HOURS; the recordings take them in turn.
        trees: share of places that have a tree.
        cars: share of places at the curb that have a parked car.
        edges: lines along the curb to choose from.
        downtown: one recording in so many is downtown, where shops stand at the sidewalk and no grass grows.
        detours: one recording in so many is a detour on the road, along parked cars.
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
    edges: tuple[str, ...]
    downtown: int
    detours: int


HOME = City(
    name="home",
    robot="robot-a",
    origin=(-75.5906, 6.2086),
    start="2026-02-03",
    street=Street(verge=1.9, walk=1.8, crossing_width=2.6, crossing_style="zebra"),
    colors={
        SKY: (0, 0, 0),
        ROAD: (0.34, 0.34, 0.35),
        CROSSING: (0.34, 0.34, 0.35),
        CURB: (0.68, 0.67, 0.64),
        VERGE: (0.31, 0.43, 0.19),
        SIDEWALK: (0.66, 0.64, 0.60),
        TACTILE: (0.84, 0.67, 0.16),
        LAWN: (0.34, 0.46, 0.21),
        PAVING: (0.58, 0.55, 0.50),
        DRIVEWAY: (0.56, 0.55, 0.53),
    },
    paving=("slabs", "slabs", "bricks", "smooth", "asphalt"),
    slab=1.4,
    fronts=((0.62, 0.36, 0.28), (0.80, 0.74, 0.62), (0.55, 0.55, 0.57), (0.72, 0.60, 0.42)),
    camera_height=0.55,
    camera_pitch=0.04,
    hours=("noon", "morning", "overcast", "dusk", "night"),
    trees=0.6,
    cars=0.5,
    edges=("", "white", "yellow"),
    downtown=4,
    detours=6,
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
        SKY: (0, 0, 0),
        ROAD: (0.42, 0.41, 0.40),
        CROSSING: (0.42, 0.41, 0.40),
        CURB: (0.74, 0.71, 0.64),
        VERGE: (0.44, 0.47, 0.22),
        SIDEWALK: (0.74, 0.70, 0.62),
        TACTILE: (0.66, 0.26, 0.20),
        LAWN: (0.40, 0.48, 0.20),
        PAVING: (0.66, 0.58, 0.50),
        DRIVEWAY: (0.64, 0.61, 0.57),
    },
    paving=("bricks", "slabs"),
    slab=0.6,
    fronts=((0.86, 0.82, 0.74), (0.78, 0.58, 0.44), (0.70, 0.76, 0.74)),
    camera_height=0.72,
    camera_pitch=0.12,
    hours=("evening", "night", "wet", "noon"),
    trees=0.45,
    cars=0.7,
    edges=("", "white"),
    downtown=4,
    detours=6,
)


class Hour(NamedTuple):
    """The light of a time of day.

    Attributes:
        height: of the sun over the horizon, radians.
        bearing: of the sun, radians.
        sunlight: RGB of direct light.
        skylight: RGB of the light from the sky.
        zenith: RGB of the sky above.
        horizon: RGB of the sky at the horizon.
        lamps: strength of the lamps, 0 to 1.
        exposure: of the camera, a factor.
    """

    height: float
    bearing: float
    sunlight: tuple[float, float, float]
    skylight: tuple[float, float, float]
    zenith: tuple[float, float, float]
    horizon: tuple[float, float, float]
    lamps: float
    exposure: float


HOURS = {
    "noon": Hour(
        1, 2.2, (1.25, 1.18, 1.05), (0.4, 0.46, 0.56), (0.32, 0.52, 0.88), (0.78, 0.86, 0.95), 0, 0.85
    ),
    "morning": Hour(
        0.45, 0.7, (1.15, 0.98, 0.72), (0.36, 0.42, 0.54), (0.42, 0.58, 0.85), (0.92, 0.86, 0.78), 0, 1
    ),
    "evening": Hour(
        0.35, 3.9, (1.2, 0.88, 0.52), (0.34, 0.38, 0.52), (0.4, 0.48, 0.78), (0.97, 0.8, 0.6), 0, 1.05
    ),
    "overcast": Hour(0.9, 1, (0, 0, 0), (0.92, 0.95, 1), (0.72, 0.75, 0.8), (0.86, 0.88, 0.9), 0, 0.9),
    "wet": Hour(0.8, 4.4, (0, 0, 0), (0.72, 0.77, 0.86), (0.55, 0.59, 0.66), (0.76, 0.79, 0.83), 0, 1),
    "dusk": Hour(0.1, 3, (0, 0, 0), (0.2, 0.22, 0.33), (0.2, 0.24, 0.42), (0.72, 0.5, 0.44), 0.25, 1.6),
    "night": Hour(0.1, 3, (0, 0, 0), (0.02, 0.024, 0.04), (0.04, 0.05, 0.1), (0.16, 0.14, 0.15), 1, 2.2),
}
