"""A street, the solids on it and a camera: finds the surface that each pixel's ray meets first.

Metres, z up, x along the street, y across it: the robot's block lies at y > 0, the road at y < 0.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from src.world.street import CURB, SKY, SOLID, Street

FOCAL = 0.7276  # focal length over image width: the 69 degrees across of a RealSense D435's colour camera
MASK_CLASS = np.array([0, 0, 2, 3, 4, 1, 5, 4, 0, 0, 0], np.uint8)  # zone -> class id of the competition


@dataclass(frozen=True)
class Solid:
    """An upright thing on the street; its class is background.

    Attributes:
        kind: "box", "ball" (ellipsoid) or "tube" (upright cylinder).
        center: x, y, z of its middle.
        half: half its extent along x, y, z.
        color: RGB reflectance, 0 to 1.
        pattern: "plain", "leaves", "windows", "shop" or "bark".
    """

    kind: str
    center: tuple[float, float, float]
    half: tuple[float, float, float]
    color: tuple[float, float, float]
    pattern: str = "plain"


@dataclass(frozen=True)
class Camera:
    """The place and the direction of the camera; angles in radians.

    Attributes:
        position: x, y, z in metres.
        yaw: heading, 0 along x, counted towards y.
        pitch: downwards.
        roll: clockwise.
        size: (height, width) of the picture in pixels.
    """

    position: tuple[float, float, float]
    yaw: float
    pitch: float
    roll: float
    size: tuple[int, int]

    @functools.cached_property
    def axes(self) -> np.ndarray:
        """Right, down and forward as unit vectors of the world: (3, 3), a row each."""
        cos_yaw = np.cos(self.yaw)
        sin_yaw = np.sin(self.yaw)
        cos_pitch = np.cos(self.pitch)
        sin_pitch = np.sin(self.pitch)
        forward = np.array([cos_yaw * cos_pitch, sin_yaw * cos_pitch, -sin_pitch])
        right = np.array([sin_yaw, -cos_yaw, 0.0])
        down = np.cross(forward, right)
        cos_roll = np.cos(self.roll)
        sin_roll = np.sin(self.roll)
        return np.stack([cos_roll * right + sin_roll * down, cos_roll * down - sin_roll * right, forward])

    def compute_rays(self) -> np.ndarray:
        """Computes the pixels' rays, (H, W, 3) float32, each one metre long along the optical axis."""
        height, width = self.size
        u = (np.arange(width) + 0.5 - width / 2) / (FOCAL * width)
        v = (np.arange(height) + 0.5 - height / 2) / (FOCAL * width)
        right, down, forward = self.axes
        across = (u[:, None] * right).astype(np.float32)
        along = (v[:, None] * down + forward).astype(np.float32)
        return across + along[:, None]

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Projects points (N, 3): returns pixels (N, 2) and depths along the optical axis (N,)."""
        local = (points - np.array(self.position)) @ self.axes.T
        depth = local[:, 2]
        scale = FOCAL * self.size[1] / np.where(np.abs(depth) < 1e-6, 1e-6, depth)
        return local[:, :2] * scale[:, None] + np.array(self.size[::-1]) / 2, depth


# Rays -> surfaces ------------------------------------------------------------
@dataclass
class Surface:
    """The surface that each pixel's ray meets first; arrays (H, W), and (H, W, 3) for vectors.

    Attributes:
        depth: metres along the optical axis, inf for the sky.
        zone: uint8, one of the zones of `street.py`.
        point: x, y, z of the meeting point, metres.
        normal: unit vector.
        solid: index of the solid, -1 for ground and sky.
        face: True on the curb's upright face.
    """

    depth: np.ndarray
    zone: np.ndarray
    point: np.ndarray
    normal: np.ndarray
    solid: np.ndarray
    face: np.ndarray

    def take(self, where: np.ndarray) -> "Surface":
        """Selects the pixels that are True in `where`, (H, W) bool; the arrays become (N,) and (N, 3)."""
        parts = (self.depth, self.zone, self.point, self.normal, self.solid, self.face)
        return Surface(*(part[where] for part in parts))

    def group(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yields the number of each visible solid, and its pixels as indices into the flattened image."""
        flat = self.solid.ravel()
        pixels = np.flatnonzero(flat >= 0)
        pixels = pixels[np.argsort(flat[pixels], kind="stable")]  # sorted by solid
        numbers, begins = np.unique(flat[pixels], return_index=True)
        parts = np.split(pixels, begins[1:])  # without any solid one empty part, which strict=False drops
        yield from zip(numbers.tolist(), parts, strict=False)


def cast_ground(street: Street, camera: Camera, rays: np.ndarray) -> Surface:
    """Finds where the rays meet the ground: blocks and ramps, the road, and the curb's face between them."""
    eye = np.array(camera.position, np.float32)
    hit = rays[..., 2] < -1e-3
    t, inside, face = _meet_ground(street, eye, np.ascontiguousarray(rays[hit].T))
    near = t < 500
    hit[hit] = near  # the rest is sky
    t = t[near]
    inside = inside[near]
    face = face[near]
    surface = Surface(
        np.full(hit.shape, np.inf, np.float32),
        np.full(hit.shape, SKY, np.uint8),
        np.broadcast_to(eye, rays.shape).copy(),
        np.broadcast_to(np.float32([0, 0, 1]), rays.shape).copy(),
        np.full(hit.shape, -1, np.int16),
        np.zeros(hit.shape, bool),
    )
    point = eye + t[:, None] * rays[hit]
    zone = street.find_zones(point[:, 0], point[:, 1], inside)
    zone[face] = CURB
    normal = surface.normal[hit]
    normal[face] = _find_face_normal(street, point[face, 0], point[face, 1])
    surface.depth[hit] = t
    surface.zone[hit] = zone
    surface.face[hit] = face
    surface.point[hit] = point
    surface.normal[hit] = normal
    return surface


def _meet_ground(
    street: Street, eye: np.ndarray, rays: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Finds where rays that go down, (3, N), meet the ground.

    Returns:
        Depths, distances inside the curb's line (below 0 on the road), and True on the curb's face: (N,).
    """
    ray_x, ray_y, ray_z = rays
    top = np.full(ray_z.shape, street.height, np.float32)
    t = np.empty_like(top)
    inside = np.empty_like(top)
    todo = np.arange(len(top))
    for _ in range(3):  # the height changes on ramps only, and slowly, so three rounds are enough
        t[todo] = (top[todo] - eye[2]) / ray_z[todo]
        x = eye[0] + t[todo] * ray_x[todo]
        y = eye[1] + t[todo] * ray_y[todo]
        inside[todo] = street.measure_inside(x, y)
        height = street.compute_height(x, y, np.maximum(inside[todo], 0)).astype(np.float32)
        moved = height != top[todo]
        top[todo] = height
        todo = todo[moved]
    # These rays do not meet a block's top, but the road or the curb's face.
    road = np.flatnonzero((inside < 0) | (t <= 0))
    far = -eye[2] / ray_z[road]
    beyond = street.measure_inside(eye[0] + far * ray_x[road], eye[1] + far * ray_y[road])
    t[road] = far
    inside[road] = np.minimum(beyond, -1e-6)
    under = road[beyond > 0]  # these would meet the road's plane under a block, so they meet the face first
    near = np.maximum((top[under] - eye[2]) / ray_z[under], 0)
    far = t[under]
    for _ in range(12):  # bisection: the curb's line lies between near and far
        middle = (near + far) / 2
        behind = street.measure_inside(eye[0] + middle * ray_x[under], eye[1] + middle * ray_y[under]) >= 0
        near = np.where(behind, near, middle)
        far = np.where(behind, middle, far)
    t[under] = far
    inside[under] = 0
    face = np.zeros(len(t), bool)
    face[under] = True
    return t, inside, face


def _find_face_normal(street: Street, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Finds the unit normals, (N, 3), of points on the curb's face."""
    step = 0.02
    slope_x = street.measure_inside(x + step, y) - street.measure_inside(x - step, y)
    slope_y = street.measure_inside(x, y + step) - street.measure_inside(x, y - step)
    normal = np.stack([-slope_x, -slope_y, np.zeros_like(x)], -1)
    return normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)


def add_solids(surface: Surface, solids: list[Solid], camera: Camera, rays: np.ndarray) -> None:
    """Adds the solids to a surface, in place, where they are nearer."""
    eye = np.array(camera.position, np.float32)
    axes = np.ascontiguousarray(np.moveaxis(rays, -1, 0))  # (3, H, W), which is faster than (H, W, 3)
    visible = []
    for number, solid in enumerate(solids):
        place = _find_window(solid, camera)
        if place is not None:
            nearest, window = place
            visible.append((nearest, window, number))
    visible.sort(key=lambda place: place[0])  # near ones first, so that solids behind them can be skipped
    for nearest, window, number in visible:
        depth = surface.depth[window]
        if nearest >= depth.max():
            continue
        t = _meet(solids[number], eye, axes[(slice(None), *window)])
        nearer = t < depth
        depth[nearer] = t[nearer]
        surface.solid[window][nearer] = number
    hit = surface.solid >= 0
    surface.zone[hit] = SOLID
    surface.face[hit] = False
    surface.point[hit] = eye + surface.depth[hit][:, None] * rays[hit]
    points = surface.point.reshape(-1, 3)
    normals = surface.normal.reshape(-1, 3)
    for number, pixels in surface.group():
        normals[pixels] = _find_normal(solids[number], points[pixels])


def find_corners(solid: Solid) -> np.ndarray:
    """Finds the eight corners of a solid's bounding box, (8, 3)."""
    signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, -1).T
    return signs * np.array(solid.half) + np.array(solid.center)


def _find_window(solid: Solid, camera: Camera) -> tuple[float, tuple[slice, slice]] | None:
    """Finds a solid's least depth and the window of the image that it may cover; None if invisible."""
    pixels, depth = camera.project(find_corners(solid))
    if (depth < 0.1).all():
        return None
    height, width = camera.size
    if (depth < 0.1).any():
        return depth.min(), (slice(0, height), slice(0, width))
    low = np.maximum(np.floor(pixels.min(0)).astype(int), 0)
    high = np.minimum(np.ceil(pixels.max(0)).astype(int) + 1, [width, height])
    if (low >= high).any():
        return None
    return depth.min(), (slice(low[1], high[1]), slice(low[0], high[0]))


def _meet(solid: Solid, eye: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Finds the depth at which rays, an array for each axis, meet a solid; inf or nan where they miss it."""
    half = np.array(solid.half, np.float32)
    o = (eye - np.array(solid.center, np.float32)) / half  # in the solid's own lengths
    r = tuple(ray / length for ray, length in zip(rays, half, strict=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        return _meet_box(o, r) if solid.kind == "box" else _meet_round(o, r, flat=solid.kind == "tube")


def _meet_box(o: np.ndarray, r: tuple[np.ndarray, ...]) -> np.ndarray:
    """Finds where rays meet the cube from -1 to 1. Source: Kay & Kajiya 1986 (slabs)."""
    enter = np.float32(0.05)
    leave = np.float32(np.inf)
    for place, slope in zip(o, r, strict=True):
        step = 1 / np.where(slope == 0, np.float32(1e-7), slope)
        middle = -place * step
        reach = np.abs(step)
        enter = np.maximum(enter, middle - reach)
        leave = np.minimum(leave, middle + reach)
    enter[(enter > leave) | (enter == np.float32(0.05))] = np.inf
    return enter


def _meet_round(o: np.ndarray, r: tuple[np.ndarray, ...], flat: bool) -> np.ndarray:
    """Finds where rays meet the unit ball, or, if flat, the upright cylinder of radius 1 from -1 to 1."""
    axes = 2 if flat else 3
    a = sum(slope * slope for slope in r[:axes])
    b = sum(place * slope for place, slope in zip(o[:axes], r[:axes], strict=True))
    t = (-b - np.sqrt(b * b - a * ((o[:axes] ** 2).sum() - 1))) / a
    missed = t < 0.05
    if flat:
        missed |= np.abs(o[2] + t * r[2]) > 1
    t[missed] = np.inf
    return t


def _find_normal(solid: Solid, points: np.ndarray) -> np.ndarray:
    """Finds the unit normals, (N, 3), of points on a solid."""
    half = np.array(solid.half, np.float32)
    own = (points - np.array(solid.center, np.float32)) / half
    if solid.kind == "box":
        side = np.abs(own).argmax(1)[:, None]
        normal = np.where(side == np.arange(3), np.sign(own), np.float32(0))
    else:
        upwards = 0 if solid.kind == "tube" else 1
        normal = own / half * np.float32([1, 1, upwards])
        normal /= np.maximum(np.sqrt((normal * normal).sum(1, keepdims=True)), 1e-6)
    return normal
