"""A pinhole camera on a street: scene -> rays -> zones -> materials -> light -> camera, a frame at once.

Metres, z up, x along the street, y across it: the robot's block lies at y > 0, the road at y < 0. Mask, depth
and photo come from the same intersections, so they agree to the pixel.
"""

import functools
from dataclasses import dataclass, field

import cv2
import numpy as np

FOCAL = 0.7276  # focal length over image width: the 69 degrees across of a RealSense D435's colour camera
NEAREST, FARTHEST = 0.3, 10.0  # metres between which the depth sensor reads

SKY, ROAD, CROSSING, CURB, VERGE, SIDEWALK, TACTILE, LAWN, PAVING, DRIVEWAY, SOLID = range(
    11
)  # zones of a pixel
MASK_CLASS = np.array([0, 0, 2, 3, 4, 1, 5, 4, 0, 0, 0], np.uint8)  # zone -> class id of the competition


# Scene ------------------------------------------------------------


@dataclass(frozen=True)
class Street:
    """The ground: blocks with rounded corners between a main street and side streets; lengths in metres.

    Attributes:
        pitch: distance between two side streets.
        side_width: of a side street.
        main_width: of the main street.
        radius: of the curb's bend at a corner.
        curb: width of the curb's top.
        verge: width of the grass strip behind the curb; 0 for none.
        walk: width of the sidewalk.
        height: of the curb over the road.
        crossing_width: of the marked crossing.
        crossing_style: "zebra", "ladder" or "lines".
        lawn: True for grass behind the sidewalk, False for paving.
        driveways: places of driveways along each block, metres after its side street.
    """

    pitch: float = 60.0
    side_width: float = 8.0
    main_width: float = 10.0
    radius: float = 3.0
    curb: float = 0.18
    verge: float = 1.2
    walk: float = 2.0
    height: float = 0.13
    crossing_width: float = 3.0
    crossing_style: str = "zebra"
    lawn: bool = True
    driveways: tuple[float, ...] = ()

    @property
    def middle(self) -> float:
        """The y of the sidewalk's middle line, which the crossings continue."""
        return self.curb + self.verge + self.walk / 2

    def side(self, x: np.ndarray) -> np.ndarray:
        """Distance along x from the nearest side street's middle, with its sign."""
        return np.mod(x + self.pitch / 2, self.pitch) - self.pitch / 2

    def inside(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Signed distance to the curb's line: positive on a block, negative on a road."""
        along = np.abs(self.side(x)) - self.side_width / 2
        across = np.abs(y + self.main_width / 2) - self.main_width / 2
        gap_x, gap_y = self.radius - along, self.radius - across
        corner = np.hypot(np.maximum(gap_x, 0), np.maximum(gap_y, 0))
        return self.radius - corner - np.minimum(np.maximum(gap_x, gap_y), 0)

    def corridor(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """True near a side street where the crossing and its ramps lie."""
        near = np.abs(self.side(x)) < self.side_width / 2 + self.radius
        return near & (np.abs(y - self.middle) < self.crossing_width / 2)

    def driveway(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """True where a driveway cuts the curb of the robot's block."""
        place = np.mod(x, self.pitch)
        hit = np.zeros(np.shape(x), bool)
        for start in self.driveways:
            hit |= (np.abs(place - start) < 1.5) & (y > -0.5)
        return hit

    def ground(self, x: np.ndarray, y: np.ndarray, d: np.ndarray) -> np.ndarray:
        """Height of the ground at a distance d inside the curb's line: ramps rise over 1.2 m."""
        ramp = self.corridor(x, y) | self.driveway(x, y)
        block = self.height * np.where(ramp, np.clip(d / 1.2, 0.08, 1), 1)
        return np.where(d >= 0, block, 0.0)

    def zones(self, x: np.ndarray, y: np.ndarray, d: np.ndarray) -> np.ndarray:
        """Names the zone of each point of the ground, uint8."""
        walk_begin, walk_end = self.curb + self.verge, self.curb + self.verge + self.walk
        zone = np.full(np.shape(x), ROAD, np.uint8)
        zone[d >= 0] = CURB
        zone[d >= self.curb] = VERGE
        zone[(d >= self.curb) & self.driveway(x, y)] = DRIVEWAY
        corridor = self.corridor(x, y)
        zone[(d >= self.curb) & corridor] = SIDEWALK
        zone[d >= walk_begin] = SIDEWALK
        zone[d >= walk_end] = LAWN if self.lawn else PAVING
        zone[(d >= walk_end) & self.driveway(x, y)] = DRIVEWAY
        zone[corridor & (d >= self.curb + 0.1) & (d < self.curb + 0.5)] = TACTILE
        zone[corridor & (d < 0)] = CROSSING
        return zone


@dataclass(frozen=True)
class Solid:
    """An upright thing; all of them are background.

    Attributes:
        kind: "box", "ball" (ellipsoid) or "tube" (upright cylinder).
        center: x, y, z of its middle.
        half: half its extent along its own x, y, z.
        color: RGB reflectance, 0 to 1.
        yaw: turn about z, radians.
        pattern: "plain", "leaves", "windows" or "bark".
    """

    kind: str
    center: tuple[float, float, float]
    half: tuple[float, float, float]
    color: tuple[float, float, float]
    yaw: float = 0.0
    pattern: str = "plain"


@dataclass(frozen=True)
class Look:
    """What a city, a recording and its weather look like.

    Attributes:
        colors: RGB reflectance, 0 to 1, of each zone.
        paving: "slabs", "bricks" or "smooth", the sidewalk's.
        slab: side of a slab, or length of a brick, in metres.
        sun: direction to the sun, a unit vector.
        sunlight: RGB of direct light; zero in the dusk and at night.
        skylight: RGB of the light from everywhere.
        sky: RGB of the zenith and of the horizon.
        lamps: x, y, z of street lamps, which shine where the sun does not.
        lamp_light: strength of each lamp, and of the robot's own light; 0 by day.
        wet: 0 dry to 1 wet.
        leaves: share of the ground that fallen leaves cover.
        wear: 0 new to 1 cracked and stained.
        exposure: factor before the tone curve.
        balance: RGB factors of the camera's white balance.
        noise: standard deviation of the sensor's noise at half brightness, of 255.
        blur: length of motion blur, in pixels of a 640 px wide picture.
        seed: of every texture.
    """

    colors: dict[int, tuple[float, float, float]]
    paving: str = "slabs"
    slab: float = 1.2
    sun: tuple[float, float, float] = (0.4, 0.5, 0.77)
    sunlight: tuple[float, float, float] = (1.0, 0.95, 0.85)
    skylight: tuple[float, float, float] = (0.42, 0.47, 0.55)
    sky: tuple[tuple[float, float, float], tuple[float, float, float]] = (
        (0.35, 0.55, 0.9),
        (0.8, 0.87, 0.95),
    )
    lamps: tuple[tuple[float, float, float], ...] = ()
    lamp_light: float = 0.0
    wet: float = 0.0
    leaves: float = 0.0
    wear: float = 0.4
    exposure: float = 1.0
    balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    noise: float = 2.0
    blur: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Camera:
    """Where the camera is and how it is turned; radians.

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

    def axes(self) -> np.ndarray:
        """Right, down and forward as unit vectors of the world: (3, 3), a row each."""
        cos_yaw, sin_yaw = np.cos(self.yaw), np.sin(self.yaw)
        cos_pitch, sin_pitch = np.cos(self.pitch), np.sin(self.pitch)
        forward = np.array([cos_yaw * cos_pitch, sin_yaw * cos_pitch, -sin_pitch])
        right = np.array([sin_yaw, -cos_yaw, 0.0])
        down = np.cross(forward, right)
        cos_roll, sin_roll = np.cos(self.roll), np.sin(self.roll)
        return np.stack([cos_roll * right + sin_roll * down, cos_roll * down - sin_roll * right, forward])

    def rays(self) -> np.ndarray:
        """Directions of the pixels' rays, (H, W, 3) float32, each one metre long along the optical axis."""
        height, width = self.size
        u = (np.arange(width) + 0.5 - width / 2) / (FOCAL * width)
        v = (np.arange(height) + 0.5 - height / 2) / (FOCAL * width)
        local = np.stack([*np.meshgrid(u, v), np.ones(self.size)], -1)
        return (local @ self.axes()).astype(np.float32)

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Projects points (N, 3) to pixels (N, 2), and gives their depth along the optical axis (N,)."""
        local = (points - np.array(self.position)) @ self.axes().T
        depth = local[:, 2]
        scale = FOCAL * self.size[1] / np.where(np.abs(depth) < 1e-6, 1e-6, depth)
        return local[:, :2] * scale[:, None] + np.array(self.size[::-1]) / 2, depth


# Rays -> surfaces ------------------------------------------------------------


@dataclass
class Surface:
    """What each pixel's ray meets first.

    Attributes:
        depth: metres along the optical axis, inf for the sky.
        zone: uint8.
        point: x, y, z.
        normal: unit vector.
        solid: index of the solid, -1 for ground and sky.
        face: True on the curb's upright face.
    """

    depth: np.ndarray
    zone: np.ndarray
    point: np.ndarray
    normal: np.ndarray
    solid: np.ndarray
    face: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))


def cast_ground(street: Street, camera: Camera, rays: np.ndarray) -> Surface:
    """Meets the rays with the ground: block tops and ramps, the road, and the curb's face between them."""
    eye = np.array(camera.position, np.float32)
    down = rays[..., 2] < -1e-3
    slope = np.where(down, rays[..., 2], -1e-3)
    top = np.full(slope.shape, street.height, np.float32)
    for _ in range(3):  # ramps are gentle: the height under the hit converges at once
        t_top = (top - eye[2]) / slope
        x, y = eye[0] + t_top * rays[..., 0], eye[1] + t_top * rays[..., 1]
        inside = street.inside(x, y)
        top = street.ground(x, y, np.maximum(inside, 0)).astype(np.float32)
    on_block = (inside >= 0) & (t_top > 0)
    t_road = -eye[2] / slope
    t = np.where(on_block, t_top, t_road)
    road_inside = street.inside(eye[0] + t_road * rays[..., 0], eye[1] + t_road * rays[..., 1])
    face = ~on_block & (road_inside > 0) & down
    near, far = np.maximum(t_top[face], 0), t_road[face]
    for _ in range(12):  # the curb's line lies between: halve
        middle = (near + far) / 2
        beyond = street.inside(eye[0] + middle * rays[face, 0], eye[1] + middle * rays[face, 1]) >= 0
        near, far = np.where(beyond, near, middle), np.where(beyond, middle, far)
    t[face] = far
    t = np.where(down & (t < 500), t, np.inf).astype(np.float32)
    hit = np.isfinite(t)
    point = eye + np.where(hit, t, 0)[..., None] * rays
    x, y = point[..., 0], point[..., 1]
    d = np.where(face, 0.0, street.inside(x, y))
    zone = street.zones(x, y, np.where(on_block, np.maximum(d, 0), np.where(face, 0, np.minimum(d, -1e-6))))
    zone[face] = CURB
    zone[~hit] = SKY
    normal = np.zeros_like(rays)
    normal[..., 2] = 1
    normal[face] = _face_normal(street, x[face], y[face])
    return Surface(t, zone, point, normal, np.full(t.shape, -1, np.int16), face)


def _face_normal(street: Street, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    step = 0.02
    slope_x = street.inside(x + step, y) - street.inside(x - step, y)
    slope_y = street.inside(x, y + step) - street.inside(x, y - step)
    normal = np.stack([-slope_x, -slope_y, np.zeros_like(x)], -1)
    return normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)


def add_solids(surface: Surface, solids: list[Solid], camera: Camera, rays: np.ndarray) -> None:
    """Puts the solids in front of what lies behind them."""
    for number, solid in enumerate(solids):
        window = _find_window(solid, camera)
        if window is None:
            continue
        t, normal = _meet(solid, np.array(camera.position, np.float32), rays[window])
        nearer = t < surface.depth[window]
        if not nearer.any():
            continue
        surface.depth[window][nearer] = t[nearer]
        surface.zone[window][nearer] = SOLID
        surface.solid[window][nearer] = number
        surface.face[window][nearer] = False
        surface.normal[window][nearer] = normal[nearer]
        points = np.array(camera.position, np.float32) + t[nearer][..., None] * rays[window][nearer]
        surface.point[window][nearer] = points


def _corners(solid: Solid) -> np.ndarray:
    """The eight corners of a solid's bounding box, (8, 3)."""
    signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, -1).T
    local = signs * np.array(solid.half)
    cos, sin = np.cos(solid.yaw), np.sin(solid.yaw)
    turned = np.stack(
        [cos * local[:, 0] - sin * local[:, 1], sin * local[:, 0] + cos * local[:, 1], local[:, 2]], 1
    )
    return turned + np.array(solid.center)


def _find_window(solid: Solid, camera: Camera) -> tuple[slice, slice] | None:
    """Finds the part of the picture that a solid may cover; None where it lies behind or beside."""
    pixels, depth = camera.project(_corners(solid))
    if (depth < 0.1).all():
        return None
    height, width = camera.size
    if (depth < 0.1).any():
        return (slice(0, height), slice(0, width))
    low, high = np.floor(pixels.min(0)).astype(int), np.ceil(pixels.max(0)).astype(int) + 1
    low, high = np.maximum(low, 0), np.minimum(high, [width, height])
    return None if (low >= high).any() else (slice(low[1], high[1]), slice(low[0], high[0]))


def _meet(solid: Solid, eye: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Meets rays (..., 3) with a solid: depth (inf where missed) and unit normal."""
    cos, sin = np.float32(np.cos(solid.yaw)), np.float32(np.sin(solid.yaw))
    turn = np.array(
        [[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]], np.float32
    )  # world vectors @ turn = own vectors
    half = np.array(solid.half, np.float32)
    o, r = ((eye - np.array(solid.center, np.float32)) @ turn) / half, (rays @ turn) / half
    with np.errstate(divide="ignore", invalid="ignore"):
        if solid.kind == "box":
            t, normal = _meet_box(o, r)
        else:
            t, normal = _meet_round(o, r, flat=solid.kind == "tube")
    normal = (normal / half) @ turn.T
    return t, normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)


def _meet_box(o: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Meets rays with the cube from -1 to 1. Source: Kay & Kajiya 1986 (slabs)."""
    r = np.where(np.abs(r) < 1e-7, 1e-7, r)
    first, second = (-1 - o) / r, (1 - o) / r
    enter, leave = np.minimum(first, second), np.maximum(first, second)
    axis = enter.argmax(-1)
    t = np.take_along_axis(enter, axis[..., None], -1)[..., 0]
    missed = (t > leave.min(-1)) | (t < 0.05)
    normal = np.zeros_like(r)
    np.put_along_axis(normal, axis[..., None], -np.sign(np.take_along_axis(r, axis[..., None], -1)), -1)
    return np.where(missed, np.inf, t), normal


def _meet_round(o: np.ndarray, r: np.ndarray, flat: bool) -> tuple[np.ndarray, np.ndarray]:
    """Meets rays with the unit ball, or (flat) with the upright cylinder of radius 1 from -1 to 1."""
    use = slice(0, 2 if flat else 3)
    a = (r[..., use] ** 2).sum(-1)
    b = (r[..., use] * o[use]).sum(-1)
    root = b * b - a * ((o[use] ** 2).sum() - 1)
    t = (-b - np.sqrt(root)) / a
    normal = o + t[..., None] * r
    missed = ~(root > 0) | (t < 0.05)
    if flat:
        missed |= np.abs(normal[..., 2]) > 1
        normal[..., 2] = 0
    return np.where(missed, np.inf, t), normal


# Surfaces -> materials ------------------------------------------------------------

_NOISE_SIDE = 512


@functools.lru_cache(maxsize=8)
def make_noise(seed: int) -> np.ndarray:
    """Makes seamless noise of many sizes, (512, 512) float32, mean 0, standard deviation 1."""
    rng = np.random.default_rng((seed, 77))
    total = np.zeros((_NOISE_SIDE, _NOISE_SIDE), np.float32)
    for octave in range(2, 10):
        cells = rng.standard_normal((2**octave, 2**octave)).astype(np.float32)
        grid = (np.arange(_NOISE_SIDE, dtype=np.float32) + 0.5) * (2**octave / _NOISE_SIDE) - 0.5
        layer = cv2.remap(cells, *np.meshgrid(grid, grid), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        total += layer * 0.75**octave
    return (total - total.mean()) / total.std()


def sample_noise(noise: np.ndarray, x: np.ndarray, y: np.ndarray, period: float) -> np.ndarray:
    """Looks the noise up at x and y; it comes again after `period` metres."""
    scale, count = _NOISE_SIDE / period, np.size(x)
    shape = (
        np.shape(x) if np.ndim(x) == 2 else (-(-count // 1024), 1024)
    )  # OpenCV takes pictures, no long lists
    u, v = (np.resize(np.mod(place * scale, _NOISE_SIDE), shape).astype(np.float32) for place in (x, y))
    found = cv2.remap(noise, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return found.ravel()[:count].reshape(np.shape(x))


def _cells(x: np.ndarray, y: np.ndarray, wide: float, deep: float, joint: np.ndarray, bond: bool) -> tuple:
    """Lays cells of wide x deep metres, in bond or not: a chance each, and how much joint a pixel shows."""
    row = np.floor(y / deep)
    along = x / wide + (0.5 * np.mod(row, 2) if bond else 0)
    column = np.floor(along)
    chance = np.mod(np.sin(row * 12.9898 + column * 78.233) * 43758.5453, 1)
    edge = np.minimum(np.abs(along - np.round(along)) * wide, np.abs(y / deep - np.round(y / deep)) * deep)
    seen = np.maximum(joint, 0.012)  # a joint thinner than a pixel pales instead of flickering
    return chance, np.clip(1 - edge / seen, 0, 1) * (0.012 / seen)


def paint_ground(surface: Surface, street: Street, look: Look, camera: Camera) -> np.ndarray:
    """Gives each ground pixel its reflectance, (H, W, 3) float32, 0 to 1."""
    x, y, depth = surface.point[..., 0], surface.point[..., 1], np.minimum(surface.depth, 200)
    noise = make_noise(look.seed)
    pixel = depth / (FOCAL * camera.size[1])  # metres across at this depth
    fine = np.clip(0.02 / np.maximum(pixel, 1e-4), 0, 1)  # how much of a texture of 2 cm is still seen
    coarse, middle = sample_noise(noise, x, y, 23.0), sample_noise(noise, x + 7, y + 3, 5.1)
    grain = sample_noise(noise, x + 1, y + 5, 0.9) * fine
    color = np.array([look.colors[zone] for zone in range(SOLID)], np.float32)[
        np.minimum(surface.zone, SOLID - 1)
    ]
    shade = 1 + 0.05 * coarse + 0.05 * middle + 0.07 * grain
    flat = np.isin(surface.zone, (SIDEWALK, PAVING, DRIVEWAY))
    if look.paving != "smooth":
        deep = look.slab if look.paving == "slabs" else look.slab / 2
        chance, joint = _cells(x, y, look.slab, deep, pixel, look.paving == "bricks")
        laid = surface.zone == SIDEWALK
        spread = 0.10 if look.paving == "slabs" else 0.28
        shade = np.where(laid, shade * (1 - spread / 2 + spread * chance) * (1 - 0.55 * joint), shade)
    grass = np.isin(surface.zone, (VERGE, LAWN))
    blades = 1 + 0.22 * middle + 0.30 * sample_noise(noise, x * 1.7, y, 0.5) * fine + 0.15 * coarse
    shade = np.where(grass, np.clip(blades, 0.35, 1.9), shade)
    stone = surface.zone == CURB
    joint = _cells(x + y, np.zeros_like(y) + 0.5, 1.0, 1e3, pixel, False)[1]
    shade = np.where(stone, shade * (1 - 0.5 * joint) * np.where(surface.face, 0.82, 1.0), shade)
    domes = np.cos(x * (2 * np.pi / 0.07)) * np.cos(y * (2 * np.pi / 0.07)) * np.clip(0.025 / pixel, 0, 1)
    shade = np.where(surface.zone == TACTILE, shade * (1 + 0.22 * domes), shade)
    crack = np.abs(sample_noise(noise, x + 11, y - 4, 9.0)) < 0.02 * look.wear + 0.2 * pixel
    worn = (flat | np.isin(surface.zone, (ROAD, CROSSING))) & (
        sample_noise(noise, x, y - 9, 31.0) > 1.2 - 1.6 * look.wear
    )
    shade = np.where(crack & worn, shade * (1 - 0.4 * np.clip(0.03 / np.maximum(pixel, 1e-3), 0, 1)), shade)
    shade = np.where(worn & ~grass, shade * (1 - 0.10 * look.wear * (1 + middle).clip(0, 2)), shade)
    color = color * shade[..., None]
    lines = _paint_lines(surface, street, look, x, y)
    color = np.where((lines > 0)[..., None], color * (1 - lines[..., None]) + 0.86 * lines[..., None], color)
    if look.leaves:
        fallen = (
            sample_noise(noise, x * 1.3 + 2, y * 1.1, 1.3) > 3.2 - 2.2 * np.sqrt(look.leaves) - 0.3 * coarse
        )
        leaf = np.array([[0.45, 0.26, 0.08], [0.55, 0.38, 0.12]], np.float32)[(middle > 0).astype(int)]
        color = np.where((fallen & ~surface.face)[..., None], leaf * (0.8 + 0.3 * fine[..., None]), color)
    return color.astype(np.float32)


def _paint_lines(surface: Surface, street: Street, look: Look, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """How much road paint each pixel shows, 0 to 1: crossings, and the dashes down the main street."""
    paint = np.zeros(x.shape, np.float32)
    marked = surface.zone == CROSSING
    across = np.abs(y - street.middle)
    border = across > street.crossing_width / 2 - 0.25
    stripes = np.mod(x, 1.1) < 0.55
    style = {"zebra": stripes, "lines": border, "ladder": border | stripes}[street.crossing_style]
    paint[marked & style] = 1
    dash = (np.abs(y + street.main_width / 2) < 0.07) & (np.mod(x, 6) < 2.5)
    paint[(surface.zone == ROAD) & dash & (np.abs(street.side(x)) > street.side_width)] = 1
    worn = sample_noise(make_noise(look.seed), x - 3, y + 8, 2.3)
    return paint * np.clip(1.05 - 0.55 * look.wear + 0.25 * look.wear * worn, 0.15, 0.95)


def paint_solids(color: np.ndarray, surface: Surface, solids: list[Solid], look: Look) -> None:
    """Gives the pixels of solids their reflectance, in place."""
    noise = make_noise(look.seed)
    for number in np.unique(surface.solid[surface.solid >= 0]):
        solid, seen = solids[number], surface.solid == number
        x, y, z = surface.point[seen].T
        along = np.where(np.abs(surface.normal[seen][:, 0]) > 0.7, y, x)
        shade = 1 + 0.06 * sample_noise(noise, along, z, 3.0)
        tint = np.array(solid.color, np.float32) * np.ones((len(x), 1), np.float32)
        if solid.pattern == "leaves":
            shade = 0.9 + 0.30 * sample_noise(noise, along + 0.5 * y, z + 0.5 * x, 2.0)
            shade += 0.25 * sample_noise(noise, along - 0.3 * y, z, 0.6)
        elif solid.pattern == "bark":
            shade = 0.9 + 0.25 * sample_noise(noise, 8 * along, z, 4.0)
        elif solid.pattern == "windows":
            tint, shade = _paint_front(tint, shade, along, z, look)
        color[seen] = tint * np.clip(shade, 0.25, 1.8)[:, None]


def _paint_front(tint: np.ndarray, shade: np.ndarray, along: np.ndarray, z: np.ndarray, look: Look) -> tuple:
    """Puts windows, some of them lit at night, into a house's front."""
    column, row = np.floor(along / 2.6), np.floor(z / 3.0)
    u, v = along / 2.6 - column, z / 3.0 - row
    pane = (np.abs(u - 0.5) < 0.22) & (np.abs(v - 0.55) < 0.27)
    frame = (np.abs(u - 0.5) < 0.26) & (np.abs(v - 0.55) < 0.31) & ~pane
    chance = np.mod(np.sin(column * 12.9898 + row * 78.233 + look.seed) * 43758.5453, 1)
    glass = np.array([0.10, 0.13, 0.17], np.float32) * (0.7 + 0.9 * chance[:, None])
    tint = np.where(pane[:, None], glass, np.where(frame[:, None], 0.75, tint))
    return tint, np.where(pane, 1.0, shade * np.where(np.mod(z, 0.3) < 0.02, 0.93, 1.0))


# Materials -> light ------------------------------------------------------------


def cast_shadows(solids: list[Solid], look: Look, camera: Camera) -> np.ndarray:
    """Draws where the solids keep the sun from the ground: (H, W) float32, 1 in full shadow."""
    shadow = np.zeros(camera.size, np.uint8)
    if not any(look.sunlight):
        return shadow.astype(np.float32)
    sun = np.array(look.sun)
    for solid in solids:
        points = _outline(solid)
        fallen = (
            points - np.maximum(points[:, 2:] - 0.1, 0) * sun / sun[2]
        )  # the ground is taken as level, 0.1 m up
        hull = cv2.convexHull(fallen[:, :2].astype(np.float32))[:, 0]
        polygon = _clip_near(np.column_stack([hull, np.full(len(hull), 0.1)]), camera)
        if len(polygon) >= 3:
            pixels = np.clip(camera.project(polygon)[0], -5000, 5000)
            cv2.fillConvexPoly(
                shadow, cv2.convexHull(np.round(16 * pixels).astype(np.int32)), 255, cv2.LINE_AA, 4
            )
    return cv2.GaussianBlur(shadow, (0, 0), camera.size[1] / 640).astype(np.float32) / 255


def _outline(solid: Solid) -> np.ndarray:
    """Points whose hull is the solid's: corners of a box, circles of a tube, rings of a ball."""
    if solid.kind == "box":
        return _corners(solid)
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    levels = (-1.0, 1.0) if solid.kind == "tube" else (-1.0, -0.7, 0.0, 0.7, 1.0)
    rings = [
        np.column_stack([r * np.cos(angle), r * np.sin(angle), np.full(12, level)])
        for level in levels
        for r in [1.0 if solid.kind == "tube" else np.sqrt(1 - level**2)]
    ]
    return np.concatenate(rings) * np.array(solid.half) + np.array(solid.center)


def _clip_near(polygon: np.ndarray, camera: Camera, near: float = 0.15) -> np.ndarray:
    """Cuts off what of a polygon lies behind the camera. Source: Sutherland & Hodgman 1974."""
    depth = (polygon - np.array(camera.position)) @ camera.axes()[2] - near
    kept = []
    for i in range(len(polygon)):
        j = (i + 1) % len(polygon)
        if depth[i] >= 0:
            kept.append(polygon[i])
        if (depth[i] >= 0) != (depth[j] >= 0):
            kept.append(polygon[i] + (polygon[j] - polygon[i]) * depth[i] / (depth[i] - depth[j]))
    return np.array(kept).reshape(-1, 3)


def light(surface: Surface, shadow: np.ndarray, look: Look, camera: Camera) -> np.ndarray:
    """Adds up the light on each pixel, (H, W, 3) float32: sun, sky, street lamps and the robot's own lamp."""
    on_ground = surface.solid < 0
    sun = np.clip(surface.normal @ np.array(look.sun, np.float32), 0, 1) * np.where(on_ground, 1 - shadow, 1)
    total = sun[..., None] * np.array(look.sunlight, np.float32)
    total += (0.65 + 0.35 * surface.normal[..., 2:]) * np.array(look.skylight, np.float32)
    if look.lamp_light:
        sodium, white = np.array([1.0, 0.78, 0.45], np.float32), np.array([1.0, 0.97, 0.9], np.float32)
        eye = np.array(camera.position)
        near = sorted(look.lamps, key=lambda lamp: np.hypot(lamp[0] - eye[0], lamp[1] - eye[1]))[:4]
        for lamp in near:
            total += (
                look.lamp_light * _shine(surface, np.array(lamp, np.float32), 9.0)[..., None] * 14 * sodium
            )
        beam = np.exp(
            -((((surface.point - eye) @ camera.axes()[0]) / (0.6 * surface.depth.clip(0.3, 99))) ** 2)
        )
        total += (
            look.lamp_light * (_shine(surface, eye.astype(np.float32), 1.5) * beam)[..., None] * 1.6 * white
        )
    return total


def _shine(surface: Surface, lamp: np.ndarray, soft: float) -> np.ndarray:
    """Light of a lamp: falls with the square of the distance and with the slant; `soft` bounds it."""
    ray = lamp - surface.point
    square = (ray**2).sum(-1)
    slant = (ray * surface.normal).sum(-1) / np.sqrt(np.maximum(square, 1e-4))
    return np.clip(slant, 0.08, 1) / (square + soft)


# Light -> camera ------------------------------------------------------------


def paint_sky(rays: np.ndarray, look: Look) -> np.ndarray:
    """Colours the sky by height, with clouds, (..., 3) float32."""
    unit = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    up = np.clip(np.abs(unit[..., 2]), 0, 1)
    zenith, horizon = (np.array(color, np.float32) for color in look.sky)
    sky = horizon + (zenith - horizon) * np.sqrt(up)[..., None]
    far = 1 / np.maximum(up, 0.05)
    cloud = sample_noise(make_noise(look.seed), unit[..., 0] * far, unit[..., 1] * far, 9.0)
    white = horizon + 0.12 * horizon.mean()
    return sky + (white - sky) * np.clip(0.5 * cloud - 0.1, 0, 0.85)[..., None]


def expose(radiance: np.ndarray, look: Look, rng: np.random.Generator) -> np.ndarray:
    """Turns light into a uint8 photo: lens, exposure, white balance, motion, tone curve and noise."""
    height, width = radiance.shape[:2]
    v, u = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    signal = (
        radiance
        * (1 - 0.13 * (u * u + v * v))[..., None]
        * look.exposure
        * np.array(look.balance, np.float32)
    )
    length = max(1, round(look.blur * width / 640))
    if length > 1:
        signal = cv2.blur(signal, (length, max(1, length // 3)))
    signal = cv2.GaussianBlur(signal.astype(np.float32), (0, 0), 0.55 * width / 640)
    photo = 255 * np.power(np.clip(1.12 * signal / (1 + 0.28 * signal), 0, 1), 1 / 2.2)
    grain = rng.standard_normal(photo.shape).astype(np.float32)
    return np.clip(photo + look.noise * grain * (1.4 - photo / 255), 0, 255).astype(np.uint8)


def read_depth(depth: np.ndarray, look: Look, rng: np.random.Generator) -> np.ndarray:
    """Measures depth as a stereo sensor does: uint16 millimetres, 0 without a reading.

    Noise grows with the square of the distance; pixels that the second lens does not see, and some of poor
    texture, are holes; nothing is read under NEAREST or over FARTHEST.
    """
    height, width = depth.shape
    shift = FOCAL * width * 0.05 / np.maximum(depth, 0.05)  # disparity of a baseline of 5 cm, in pixels
    place = np.arange(width) - shift
    after = np.minimum.accumulate(place[:, ::-1], 1)[:, ::-1]
    hidden = np.zeros(depth.shape, bool)
    hidden[:, :-1] = after[:, 1:] <= place[:, :-1]
    small = rng.standard_normal((height // 8 + 2, width // 8 + 2)).astype(np.float32)
    poor = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR) > 2.1 - 0.9 * look.wet
    coarse = cv2.resize(rng.standard_normal((height // 2, width // 2)).astype(np.float32), (width, height))
    measured = depth + 0.002 * np.where(np.isfinite(depth), depth, 0) ** 2 * coarse
    read = (measured > NEAREST) & (measured < FARTHEST) & ~hidden & ~poor
    return np.where(read, 1000 * np.where(read, measured, 0), 0).astype(np.uint16)


@dataclass
class Picture:
    """One rendered frame.

    Attributes:
        photo: uint8 RGB, (H, W, 3).
        mask: uint8 ids of the competition's classes, (H, W).
        depth: uint16 millimetres, (H, W), 0 without a reading.
        surface: what each pixel shows, without the sensors' noise.
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
        look: colours, light and weather.
        camera: where from.
        rng: source of the sensors' noise.
    """
    rays = camera.rays()
    surface = cast_ground(street, camera, rays)
    add_solids(surface, solids, camera, rays)
    color = paint_ground(surface, street, look, camera)
    paint_solids(color, surface, solids, look)
    color = np.power(np.clip(color, 0, 1), 2.2)  # palettes are what a screen shows, light adds up linearly
    ground = (surface.solid < 0) & (surface.zone != SKY)
    if look.wet:
        color = np.where(ground[..., None], color * (1 - 0.5 * look.wet), color)
    radiance = color * light(surface, cast_shadows(solids, look, camera), look, camera)
    sky = np.power(np.clip(paint_sky(rays, look), 0, 1), 2.2)
    if look.wet:
        glance = 1 - np.abs(rays[..., 2]) / np.linalg.norm(rays, axis=-1)
        puddle = np.clip(
            0.6 + 0.5 * sample_noise(make_noise(look.seed), *surface.point[..., :2].transpose(2, 0, 1), 4.0),
            0,
            1,
        )
        mirror = look.wet * puddle * (0.02 + 0.42 * glance**5) * ground
        radiance = radiance * (1 - mirror[..., None]) + sky * mirror[..., None]
    haze = (1 - np.exp(-np.minimum(surface.depth, 300) / 350))[..., None]
    radiance = radiance + (np.power(np.array(look.sky[1], np.float32), 2.2) - radiance) * haze
    radiance = np.where((surface.zone == SKY)[..., None], sky, radiance)
    return Picture(
        expose(radiance, look, rng), MASK_CLASS[surface.zone], read_depth(surface.depth, look, rng), surface
    )
