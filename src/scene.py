"""A street and a camera on it: scene -> rays -> the surface that each pixel's ray meets first.

Metres, z up, x along the street, y across it: the robot's block lies at y > 0, the road at y < 0.
"""

from dataclasses import dataclass, field

import numpy as np

FOCAL = 0.7276  # focal length over image width: the 69 degrees across of a RealSense D435's colour camera

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
        edge: line along the curb, "white", "yellow" (two of them) or "" for none.
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
    edge: str = ""
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
        pattern: "plain", "leaves", "windows", "shop" or "bark".
    """

    kind: str
    center: tuple[float, float, float]
    half: tuple[float, float, float]
    color: tuple[float, float, float]
    yaw: float = 0.0
    pattern: str = "plain"


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
    places = [(number, _find_window(solid, camera)) for number, solid in enumerate(solids)]
    seen = sorted(((*place, number) for number, place in places if place), key=lambda place: place[0])
    for nearest, window, number in seen:  # near ones first: what they hide is left out
        if nearest >= surface.depth[window].max():
            continue
        t, normal = _meet(solids[number], np.array(camera.position, np.float32), rays[window])
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


def find_corners(solid: Solid) -> np.ndarray:
    """The eight corners of a solid's bounding box, (8, 3)."""
    signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, -1).T
    local = signs * np.array(solid.half)
    cos, sin = np.cos(solid.yaw), np.sin(solid.yaw)
    turned = np.stack(
        [cos * local[:, 0] - sin * local[:, 1], sin * local[:, 0] + cos * local[:, 1], local[:, 2]], 1
    )
    return turned + np.array(solid.center)


def _find_window(solid: Solid, camera: Camera) -> tuple[float, tuple[slice, slice]] | None:
    """Finds a solid's least depth and the part of the picture that it may cover; None: it is not seen."""
    pixels, depth = camera.project(find_corners(solid))
    if (depth < 0.1).all():
        return None
    height, width = camera.size
    if (depth < 0.1).any():
        return depth.min(), (slice(0, height), slice(0, width))
    low, high = np.floor(pixels.min(0)).astype(int), np.ceil(pixels.max(0)).astype(int) + 1
    low, high = np.maximum(low, 0), np.minimum(high, [width, height])
    return None if (low >= high).any() else (depth.min(), (slice(low[1], high[1]), slice(low[0], high[0])))


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
    x, y, z = np.moveaxis(enter, -1, 0)  # three by name: reducing an axis of three is slow
    t = np.maximum(np.maximum(x, y), z)
    missed = (t > np.minimum(np.minimum(leave[..., 0], leave[..., 1]), leave[..., 2])) | (t < 0.05)
    side = np.where(x == t, 0, np.where(y == t, 1, 2))
    normal = np.where(side[..., None] == np.arange(3), -np.sign(r), 0)
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
