"""Renders the built-in world: the same streets in two cities, with masks, labels and depth."""

import argparse
import time

from src.common import files
from src.common.arguments import parse_count, parse_seed

SMALLEST = 32  # px; shortest side of a photo


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    parser.add_argument("out", type=files.expand_home, help="folder to write Train/, Test/ and reference/ to")
    parser.add_argument(
        "--train", type=parse_count, default=300, help="frames of the home city (default: 300)"
    )
    parser.add_argument(
        "--test", type=parse_count, default=120, help="frames of the other city (default: 120)"
    )
    parser.add_argument("--size", type=parse_size, default=(360, 640), help="HxW in px (default: 360x640)")
    parser.add_argument("--seed", type=parse_seed, default=0, help="settles the scenes (default: 0)")
    parser.add_argument("--workers", type=parse_count, default=2, help="processes that render (default: 2)")


def parse_size(text: str) -> tuple[int, int]:
    """Reads (height, width) in px from "360x640"."""
    sides = text.lower().split("x")
    if len(sides) != 2 or not all(side.isdigit() and int(side) >= SMALLEST for side in sides):
        raise argparse.ArgumentTypeError(
            f"must be HxW in px, each {SMALLEST} or more, found '{text}'; write for example 360x640"
        )
    return int(sides[0]), int(sides[1])


def run(arguments: argparse.Namespace) -> None:
    """Renders the world and prints the speed."""
    from src.world.generate import write_world

    begin = time.perf_counter()
    out = write_world(
        arguments.out, arguments.train, arguments.test, arguments.size, arguments.seed, arguments.workers
    )
    rate = (arguments.train + arguments.test) / (time.perf_counter() - begin)
    print(f"{out}/Train, {out}/Test and {out}/reference are rendered, {rate:.1f} frames a second.")
