"""Paints the surfaces of a street: colours, textures, lines, fronts of houses."""

from dataclasses import dataclass

import numpy as np

from src.world import scene
from src.world.noise import draw_chance, lay_slabs, make_noise, sample_noise, scatter, take_fraction
from src.world.scene import Camera, Solid, Surface
from src.world.street import (
    CROSSING,
    CURB,
    DRIVEWAY,
    LAWN,
    PAVING,
    ROAD,
    SIDEWALK,
    SOLID,
    TACTILE,
    VERGE,
    Street,
)

YELLOW = (0.80, 0.62, 0.12)  # of road paint, RGB


@dataclass(frozen=True)
class Look:
    """The look of a recording: materials, light, weather and camera.

    Attributes:
        colors: RGB reflectance, 0 to 1, of each zone.
        paving: "slabs", "bricks", "smooth" or "asphalt", the sidewalk's.
        slab: side of a slab, or length of a brick, in metres.
        sun: direction to the sun, a unit vector.
        sunlight: RGB of direct light; zero without sun, as at night.
        skylight: RGB of the light from everywhere.
        sky: RGB of the zenith and of the horizon.
        lamps: x, y, z of the street lamps, metres.
        lamp_light: strength of each lamp, and of the robot's own light; 0 by day.
        wet: 0 dry to 1 wet.
        leaves: share of the ground that leaves cover, 0 to 1.
        wear: 0 new to 1 cracked and stained.
        exposure: factor before the tone curve.
        balance: RGB factors of the camera's white balance.
        noise: standard deviation of the sensor's noise at half brightness, of 255.
        blur: length of motion blur, in pixels of a 640 px wide picture.
        seed: of every texture.
    """

    colors: dict[int, tuple[float, float, float]]
    paving: str
    slab: float
    sun: tuple[float, float, float]
    sunlight: tuple[float, float, float]
    skylight: tuple[float, float, float]
    sky: tuple[tuple[float, float, float], tuple[float, float, float]]
    lamps: tuple[tuple[float, float, float], ...]
    lamp_light: float
    wet: float
    leaves: float
    wear: float
    exposure: float
    balance: tuple[float, float, float]
    noise: float
    blur: float
    seed: int


def paint_ground(surface: Surface, street: Street, look: Look, camera: Camera) -> np.ndarray:
    """Computes the reflectance of ground pixels, (N, 3) float32, 0 to 1."""
    x = surface.point[:, 0]
    y = surface.point[:, 1]
    pixel = np.minimum(surface.depth, 200) / (scene.FOCAL * camera.size[1])  # metres across at this depth
    color = np.array([look.colors[zone] for zone in range(SOLID)], np.float32)[surface.zone]
    color *= _shade_ground(surface, look, x, y, pixel)[:, None]
    lines, yellow = _paint_lines(surface, street, look, x, y)
    paint = np.where(yellow[:, None], np.array(YELLOW, np.float32), np.float32(0.86))
    color = np.where((lines > 0)[:, None], color + lines[:, None] * (paint - color), color)
    if look.leaves:
        heaped = np.exp(sample_noise(make_noise(look.seed), x, y, 23.0))
        fallen, chance = scatter(x, y, 0.11, look.leaves * heaped)
        leaf = np.array([0.50, 0.31, 0.10], np.float32) * (0.5 + 0.9 * chance[:, None])
        color = np.where((fallen & ~surface.face)[:, None], leaf, color)
    return color.astype(np.float32)


def _shade_ground(
    surface: Surface, look: Look, x: np.ndarray, y: np.ndarray, pixel: np.ndarray
) -> np.ndarray:
    """Computes a factor for each pixel's colour: grain, joints, blades of grass, domes, cracks."""
    noise = make_noise(look.seed)
    zone = surface.zone
    fine = np.clip(0.02 / np.maximum(pixel, 1e-4), 0, 1)  # visible share of a texture of 2 cm
    coarse = sample_noise(noise, x, y, 23.0)
    middle = sample_noise(noise, x + 7, y + 3, 5.1)
    shade = 1 + 0.05 * coarse + 0.05 * middle + 0.07 * (sample_noise(noise, x + 1, y + 5, 0.9) * fine)
    if look.paving in ("slabs", "bricks"):
        bricks = look.paving == "bricks"
        deep = look.slab / 2 if bricks else look.slab
        spread = 0.28 if bricks else 0.10
        chance, joint = lay_slabs(x, y, look.slab, deep, pixel, bricks)
        paved = shade * (1 - spread / 2 + spread * chance) * (1 - 0.55 * joint)
        shade = np.where(zone == SIDEWALK, paved, shade)
    blades = 1 + 0.22 * middle + 0.30 * sample_noise(noise, x * 1.7, y, 0.5) * fine + 0.15 * coarse
    shade = np.where(np.isin(zone, (VERGE, LAWN)), np.clip(blades, 0.35, 1.9), shade)
    _, joint = lay_slabs(x + y, np.zeros_like(y) + 0.5, 1.0, 1e3, pixel, False)
    stone = shade * (1 - 0.5 * joint) * np.where(surface.face, 0.82, 1.0)
    shade = np.where(zone == CURB, stone, shade)
    domes = np.cos(x * (2 * np.pi / 0.07)) * np.cos(y * (2 * np.pi / 0.07)) * np.clip(0.025 / pixel, 0, 1)
    shade = np.where(zone == TACTILE, shade * (1 + 0.22 * domes), shade)
    hard = np.isin(zone, (SIDEWALK, PAVING, DRIVEWAY, ROAD, CROSSING))
    worn = hard & (sample_noise(noise, x, y - 9, 31.0) > 1.2 - 1.6 * look.wear)
    crack = np.abs(sample_noise(noise, x + 11, y - 4, 9.0)) < 0.02 * look.wear + 0.2 * pixel
    shade = np.where(crack & worn, shade * (1 - 0.4 * np.clip(0.03 / np.maximum(pixel, 1e-3), 0, 1)), shade)
    return np.where(worn, shade * (1 - 0.10 * look.wear * (1 + middle).clip(0, 2)), shade)


def _paint_lines(
    surface: Surface, street: Street, look: Look, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Computes how much road paint each pixel shows, 0 to 1, and where it is yellow."""
    paint = np.zeros(x.shape, np.float32)
    marked = surface.zone == CROSSING
    across = np.abs(y - street.middle)
    border = across > street.crossing_width / 2 - 0.25
    stripes = take_fraction(x / 1.1) < 0.5
    style = {"zebra": stripes, "ladder": border | stripes}[street.crossing_style]
    paint[marked & style] = 1
    dash = (np.abs(y + street.main_width / 2) < 0.07) & (take_fraction(x / 6) < 2.5 / 6)
    paint[(surface.zone == ROAD) & dash & (np.abs(street.measure_side(x)) > street.side_width)] = 1
    edge = np.zeros(x.shape, bool)
    if street.edge:
        road = surface.zone == ROAD
        gap = -street.measure_inside(x[road], y[road])  # to the curb
        edge[road] = (np.abs(gap - 0.3) < 0.05) | ((np.abs(gap - 0.5) < 0.05) & (street.edge == "yellow"))
        paint[edge] = 1
    worn = sample_noise(make_noise(look.seed), x - 3, y + 8, 2.3)
    paint *= np.clip(1.05 - 0.55 * look.wear + 0.25 * look.wear * worn, 0.15, 0.95)
    return paint, edge & (street.edge == "yellow")


def paint_solids(color: np.ndarray, surface: Surface, solids: list[Solid], look: Look) -> None:
    """Writes the reflectance of the solids' pixels into `color`, (H, W, 3)."""
    noise = make_noise(look.seed)
    colors = color.reshape(-1, 3)
    points = surface.point.reshape(-1, 3)
    normals = surface.normal.reshape(-1, 3)
    for number, pixels in surface.group():
        solid = solids[number]
        x, y, z = np.ascontiguousarray(points[pixels].T)
        along = np.where(np.abs(normals[pixels, 0]) > 0.7, y, x)
        shade = 1 + 0.06 * sample_noise(noise, along, z, 3.0)
        tint = np.array(solid.color, np.float32) * np.ones((len(x), 1), np.float32)
        if solid.pattern == "leaves":
            shade = 0.9 + 0.30 * sample_noise(noise, along + 0.5 * y, z + 0.5 * x, 2.0)
            shade += 0.25 * sample_noise(noise, along - 0.3 * y, z, 0.6)
        elif solid.pattern == "bark":
            shade = 0.9 + 0.25 * sample_noise(noise, 8 * along, z, 4.0)
        elif solid.pattern in ("windows", "shop"):
            tint, shade = _paint_front(tint, shade, along, z, look)
            if solid.pattern == "shop":
                tint = _paint_shop(tint, along, z, look)
        colors[pixels] = tint * np.clip(shade, 0.25, 1.8)[:, None]


def _paint_front(
    tint: np.ndarray, shade: np.ndarray, along: np.ndarray, z: np.ndarray, look: Look
) -> tuple[np.ndarray, np.ndarray]:
    """Paints windows on a house's front; returns tint and shade."""
    column = np.floor(along / 2.6)
    row = np.floor(z / 3.0)
    u = along / 2.6 - column
    v = z / 3.0 - row
    pane = (np.abs(u - 0.5) < 0.22) & (np.abs(v - 0.55) < 0.27)
    frame = (np.abs(u - 0.5) < 0.26) & (np.abs(v - 0.55) < 0.31) & ~pane
    chance = draw_chance(column, row, look.seed)
    glass = np.array([0.10, 0.13, 0.17], np.float32) * (0.7 + 0.9 * chance[:, None])
    tint = np.where(pane[:, None], glass, np.where(frame[:, None], 0.75, tint))
    boards = np.where(take_fraction(z / 0.3) < 0.07, 0.93, 1.0)
    return tint, np.where(pane, 1.0, shade * boards)


def _paint_shop(tint: np.ndarray, along: np.ndarray, z: np.ndarray, look: Look) -> np.ndarray:
    """Paints shop windows on a house's ground floor, and a coloured sign above each; returns the tint."""
    place = take_fraction(along / 5.2)
    number = np.floor(along / 5.2)
    chance = draw_chance(number, number, look.seed)[:, None]
    sign = 0.12 + 0.5 * chance + 0.25 * take_fraction(chance * np.array([5.1, 3.7, 7.9], np.float32))
    inside = (take_fraction(place * 3) > 0.05) & (z > 0.55)
    glass = np.array([0.13, 0.15, 0.17], np.float32) * (0.6 + chance)
    ground = np.where(inside[:, None], glass, 0.6 * sign)
    above = np.where((z < 3.1)[:, None], sign, tint)
    return np.where((z < 2.5)[:, None], ground, above).astype(np.float32)
