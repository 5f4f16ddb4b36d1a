"""Renders the built-in world: the same streets in two cities, with masks, labels and depth."""

import argparse
import time
from pathlib import Path

SMALLEST = 32  # pixels of a photo's side


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Says what it takes."""
    parser.add_argument("out", type=Path, help="folder to make; Train/, Test/ and reference/ come into it")
    parser.add_argument("--train", type=parse_count, default=300, help="frames at home (default: 300)")
    parser.add_argument("--test", type=parse_count, default=120, help="frames away (default: 120)")
    parser.add_argument("--size", type=parse_size, default=(360, 640), help="HxW in px (default: 360x640)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other scenes (default: 0)")
    parser.add_argument("--workers", type=parse_count, default=2, help="processes that render (default: 2)")


def parse_size(text: str) -> tuple[int, int]:
    """Reads "360x640" as (360, 640)."""
    sides = text.lower().split("x")
    if len(sides) != 2 or not all(side.isdigit() and int(side) >= SMALLEST for side in sides):
        raise argparse.ArgumentTypeError(
            f"HxW in pixels, each from {SMALLEST} on, as 360x640; found '{text}'"
        )
    return int(sides[0]), int(sides[1])


def parse_count(text: str) -> int:
    """Reads a whole number from 1 on."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1 on, found '{text}'")
    return int(text)


def run(arguments: argparse.Namespace) -> None:
    """Renders it and says how fast."""
    from src.world.generate import write_world

    begin = time.perf_counter()
    sizes = (arguments.train, arguments.test, arguments.size)
    out = write_world(arguments.out, *sizes, arguments.seed, arguments.workers)
    rate = (arguments.train + arguments.test) / (time.perf_counter() - begin)
    print(f"{out}/Train, {out}/Test and {out}/reference are rendered, {rate:.1f} frames a second.")
