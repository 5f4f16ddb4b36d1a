"""Renders a frame of a street: surfaces, materials, light, then photo, mask and depth.

Mask, depth and photo come from the same intersections (`scene.py`), so they agree to the pixel.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from src.world import scene
from src.world.noise import make_noise, sample_noise
from src.world.paint import Look, paint_ground, paint_solids
from src.world.scene import Camera, Solid, Surface
from src.world.street import SKY, Street

NEAREST = 0.3  # metres, the least that the depth sensor measures
FARTHEST = 10.0  # metres, the most that the depth sensor measures


# Materials -> light ------------------------------------------------------------
def cast_shadows(solids: list[Solid], look: Look, camera: Camera) -> np.ndarray:
    """Draws the shadows of the solids on the ground: (H, W) float32, 1 in full shadow."""
    shadow = np.zeros(camera.size, np.uint8)
    if not any(look.sunlight):
        return shadow.astype(np.float32)
    sun = np.array(look.sun)
    for solid in solids:
        points = _list_outline(solid)
        # The ground is taken as level, at a height of 0.1 m.
        on_ground = points - np.maximum(points[:, 2:] - 0.1, 0) * sun / sun[2]
        hull = cv2.convexHull(on_ground[:, :2].astype(np.float32))[:, 0]
        polygon = _clip_near(np.column_stack([hull, np.full(len(hull), 0.1)]), camera)
        if len(polygon) >= 3:
            pixels = np.clip(camera.project(polygon)[0], -5000, 5000)
            corners = cv2.convexHull(np.round(16 * pixels).astype(np.int32))  # in sixteenths of a pixel
            cv2.fillConvexPoly(shadow, corners, 255, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(shadow, (0, 0), camera.size[1] / 640).astype(np.float32) / 255


def _list_outline(solid: Solid) -> np.ndarray:
    """Lists points, (N, 3), whose convex hull is about the solid's."""
    if solid.kind == "box":
        return scene.find_corners(solid)
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    levels = (-1.0, 1.0) if solid.kind == "tube" else (-1.0, -0.7, 0.0, 0.7, 1.0)
    rings = []
    for level in levels:
        radius = 1.0 if solid.kind == "tube" else np.sqrt(1 - level**2)
        ring = np.column_stack([radius * np.cos(angle), radius * np.sin(angle), np.full(12, level)])
        rings.append(ring)
    return np.concatenate(rings) * np.array(solid.half) + np.array(solid.center)


def _clip_near(polygon: np.ndarray, camera: Camera) -> np.ndarray:
    """Cuts off the part of a polygon behind the camera. Source: Sutherland & Hodgman 1974."""
    depth = (polygon - np.array(camera.position)) @ camera.axes[2] - 0.15  # metres
    corners = []
    for i in range(len(polygon)):
        j = (i + 1) % len(polygon)
        if depth[i] >= 0:
            corners.append(polygon[i])
        if (depth[i] >= 0) != (depth[j] >= 0):
            corners.append(polygon[i] + (polygon[j] - polygon[i]) * depth[i] / (depth[i] - depth[j]))
    return np.array(corners).reshape(-1, 3)


def light(surface: Surface, shadow: np.ndarray, look: Look, camera: Camera) -> np.ndarray:
    """Adds up the light on each pixel, (H, W, 3) float32: sun, sky, street lamps and the robot's own lamp."""
    on_ground = surface.solid < 0
    sun = np.clip(surface.normal @ np.array(look.sun, np.float32), 0, 1) * np.where(on_ground, 1 - shadow, 1)
    total = sun[..., None] * np.array(look.sunlight, np.float32)
    total += (0.65 + 0.35 * surface.normal[..., 2:]) * np.array(look.skylight, np.float32)
    if look.lamp_light:
        sodium = np.array([1.0, 0.78, 0.45], np.float32)
        white = np.array([1.0, 0.97, 0.9], np.float32)
        eye = np.array(camera.position, np.float32)
        near = sorted(look.lamps, key=lambda lamp: np.hypot(lamp[0] - eye[0], lamp[1] - eye[1]))[:4]
        for lamp in near:
            shine = _shine(surface, np.array(lamp, np.float32), 9.0)
            total += look.lamp_light * shine[..., None] * 14 * sodium
        aside = (surface.point - eye) @ camera.axes[0].astype(np.float32)
        beam = np.exp(-((aside / (0.6 * surface.depth.clip(0.3, 99))) ** 2))
        total += look.lamp_light * (_shine(surface, eye, 1.5) * beam)[..., None] * 1.6 * white
    return total


def _shine(surface: Surface, lamp: np.ndarray, soft: float) -> np.ndarray:
    """Computes a lamp's light from the squared distance, plus `soft`, and the angle of the surface."""
    ray = lamp - surface.point
    square = np.einsum("...i,...i", ray, ray)
    slant = np.einsum("...i,...i", ray, surface.normal) / np.sqrt(np.maximum(square, 1e-4))
    return np.clip(slant, 0.08, 1) / (square + soft)


# Light -> camera ------------------------------------------------------------
def paint_sky(rays: np.ndarray, look: Look) -> np.ndarray:
    """Computes the light of the sky with its clouds along rays (N, 3): (N, 3) float32."""
    x, y, z = rays.T / np.sqrt(np.einsum("ni,ni->n", rays, rays))
    up = np.clip(np.abs(z), 0, 1)
    zenith, horizon = (np.array(color, np.float32) for color in look.sky)
    sky = horizon + (zenith - horizon) * np.sqrt(up)[..., None]
    far = 1 / np.maximum(up, 0.05)
    cloud = sample_noise(make_noise(look.seed), x * far, y * far, 9.0)
    white = horizon + 0.12 * horizon.mean()
    sky += (white - sky) * np.clip(0.5 * cloud - 0.1, 0, 0.85)[..., None]
    return np.power(np.clip(sky, 0, 1), 2.2)


def expose(radiance: np.ndarray, look: Look, rng: np.random.Generator) -> np.ndarray:
    """Turns light, (H, W, 3), into a uint8 photo: lens, exposure, white balance, blur, tone curve, noise."""
    height, width = radiance.shape[:2]
    v, u = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    vignette = 1 - 0.13 * (u * u + v * v)
    lens = (look.exposure * vignette)[..., None] * np.array(look.balance)
    signal = radiance * lens.astype(np.float32)
    length = max(1, round(look.blur * width / 640))
    if length > 1:
        signal = cv2.blur(signal, (length, max(1, length // 3)))
    signal = cv2.GaussianBlur(signal, (0, 0), 0.55 * width / 640)
    photo = 255 * np.power(np.clip(1.12 * signal / (1 + 0.28 * signal), 0, 1), 1 / 2.2)
    grain = rng.standard_normal(photo.shape, np.float32)
    return np.clip(photo + look.noise * grain * (1.4 - photo / 255), 0, 255).astype(np.uint8)


def read_depth(depth: np.ndarray, look: Look, rng: np.random.Generator) -> np.ndarray:
    """Measures depth as a stereo sensor does: uint16 millimetres, 0 without a reading.

    Noise grows with the square of the distance. There is no reading where the second lens has no view, in
    some places of poor texture, under NEAREST and over FARTHEST.
    """
    height, width = depth.shape
    shift = scene.FOCAL * width * 0.05 / np.maximum(depth, 0.05)  # disparity of a baseline of 5 cm, in pixels
    place = np.arange(width, dtype=np.float32) - shift
    after = np.minimum.accumulate(place[:, ::-1], 1)[:, ::-1]
    hidden = np.zeros(depth.shape, bool)
    hidden[:, :-1] = after[:, 1:] <= place[:, :-1]
    small = rng.standard_normal((height // 8 + 2, width // 8 + 2), np.float32)
    poor = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR) > 2.1 - 0.9 * look.wet
    coarse = cv2.resize(rng.standard_normal((height // 2, width // 2), np.float32), (width, height))
    measured = depth + 0.002 * np.where(np.isfinite(depth), depth, 0) ** 2 * coarse
    has_reading = (measured > NEAREST) & (measured < FARTHEST) & ~hidden & ~poor
    return np.where(has_reading, 1000 * np.where(has_reading, measured, 0), 0).astype(np.uint16)


def _reflect_sky(radiance: np.ndarray, rays: np.ndarray, points: np.ndarray, look: Look) -> np.ndarray:
    """Adds the reflection of the sky to wet ground pixels; all arrays are (N, 3)."""
    x, y, _ = points.T
    glance = 1 - np.abs(rays[:, 2]) / np.sqrt(np.einsum("ni,ni->n", rays, rays))
    puddle = np.clip(0.6 + 0.5 * sample_noise(make_noise(look.seed), x, y, 4.0), 0, 1)
    mirror = (look.wet * puddle * (0.02 + 0.42 * glance**5))[:, None]
    return radiance * (1 - mirror) + paint_sky(rays, look) * mirror


@dataclass
class Picture:
    """One rendered frame.

    Attributes:
        photo: uint8 RGB, (H, W, 3).
        mask: uint8 ids of the competition's classes, (H, W).
        depth: uint16 millimetres, (H, W), 0 without a reading.
        surface: of each pixel, without the sensors' noise.
    """

    photo: np.ndarray
    mask: np.ndarray
    depth: np.ndarray
    surface: Surface


def render(
    street: Street, solids: list[Solid], look: Look, camera: Camera, rng: np.random.Generator
) -> Picture:
    """Renders one frame; the same arguments give the same bytes.

    Args:
        street: the ground.
        solids: what stands on it.
        look: materials, light and weather.
        camera: of the robot.
        rng: source of the sensors' noise.
    """
    rays = camera.compute_rays()
    surface = scene.cast_ground(street, camera, rays)
    scene.add_solids(surface, solids, camera, rays)
    sky = surface.zone == SKY
    ground = ~sky & (surface.solid < 0)
    color = np.zeros_like(rays)
    color[ground] = paint_ground(surface.take(ground), street, look, camera)
    paint_solids(color, surface, solids, look)
    color = np.power(np.clip(color, 0, 1), 2.2)  # from screen values to linear ones, in which light adds up
    if look.wet:
        color[ground] *= 1 - 0.5 * look.wet
    radiance = color * light(surface, cast_shadows(solids, look, camera), look, camera)
    if look.wet:
        radiance[ground] = _reflect_sky(radiance[ground], rays[ground], surface.point[ground], look)
    haze = (1 - np.exp(-np.minimum(surface.depth, 300) / 350))[..., None]
    radiance += (np.power(np.array(look.sky[1], np.float32), 2.2) - radiance) * haze
    radiance[sky] = paint_sky(rays[sky], look)
    photo = expose(radiance, look, rng)
    depth = read_depth(surface.depth, look, rng)
    return Picture(photo, scene.MASK_CLASS[surface.zone], depth, surface)
