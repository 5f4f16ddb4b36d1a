"""One network that says of a robot's photo what every pixel is, and what kind of place the whole shows."""

from src.common import startup

startup.prepare()
