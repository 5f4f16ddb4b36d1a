"""The ground of a street: where its road, curb, sidewalk and crossings are."""

from dataclasses import dataclass

import numpy as np

# Zones of a pixel.
SKY, ROAD, CROSSING, CURB, VERGE, SIDEWALK, TACTILE, LAWN, PAVING, DRIVEWAY, SOLID = range(11)


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
        crossing_style: "zebra" or "ladder".
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
        """Returns the y of the sidewalk's middle line, which the crossings continue."""
        return self.curb + self.verge + self.walk / 2

    def measure_side(self, x: np.ndarray) -> np.ndarray:
        """Returns the signed distance along x from the middle of the nearest side street."""
        return x - self.pitch * np.floor(x / self.pitch + 0.5)

    def measure_inside(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Returns the signed distance to the curb's line: positive on a block, negative on a road."""
        along = np.abs(self.measure_side(x)) - self.side_width / 2
        across = np.abs(y + self.main_width / 2) - self.main_width / 2
        gap_x = self.radius - along
        gap_y = self.radius - across
        corner = np.sqrt(np.maximum(gap_x, 0) ** 2 + np.maximum(gap_y, 0) ** 2)
        return self.radius - corner - np.minimum(np.maximum(gap_x, gap_y), 0)

    def find_corridor(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Returns True where a crossing of a side street and its ramps are."""
        near = np.abs(self.measure_side(x)) < self.side_width / 2 + self.radius
        return near & (np.abs(y - self.middle) < self.crossing_width / 2)

    def find_driveway(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Returns True where a driveway crosses the curb of the robot's block."""
        place = x - self.pitch * np.floor(x / self.pitch)
        hit = np.zeros(np.shape(x), bool)
        for start in self.driveways:
            hit |= (np.abs(place - start) < 1.5) & (y > -0.5)
        return hit

    def compute_height(self, x: np.ndarray, y: np.ndarray, d: np.ndarray) -> np.ndarray:
        """Returns the height of the ground at a distance d inside the curb's line; ramps rise over 1.2 m."""
        ramp = self.find_corridor(x, y) | self.find_driveway(x, y)
        block = self.height * np.where(ramp, np.clip(d / 1.2, 0.08, 1), 1)
        return np.where(d >= 0, block, 0.0)

    def find_zones(self, x: np.ndarray, y: np.ndarray, d: np.ndarray) -> np.ndarray:
        """Returns the zone of each point of the ground, uint8; d is its distance inside the curb's line."""
        corridor = self.find_corridor(x, y)
        driveway = self.find_driveway(x, y)
        walk_begin = self.curb + self.verge
        walk_end = self.curb + self.verge + self.walk
        zone = np.full(np.shape(x), ROAD, np.uint8)
        zone[d >= 0] = CURB
        zone[d >= self.curb] = VERGE
        zone[(d >= self.curb) & driveway] = DRIVEWAY
        zone[(d >= self.curb) & corridor] = SIDEWALK
        zone[d >= walk_begin] = SIDEWALK
        zone[d >= walk_end] = LAWN if self.lawn else PAVING
        zone[(d >= walk_end) & driveway] = DRIVEWAY
        zone[corridor & (d >= self.curb + 0.1) & (d < self.curb + 0.5)] = TACTILE
        zone[corridor & (d < 0)] = CROSSING
        return zone
