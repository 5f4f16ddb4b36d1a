"""Brings a data set of another tool into the project's layout, and checks it."""

import argparse
from pathlib import Path

from src.common import files
from src.common.arguments import parse_count


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    parser.add_argument("source", type=files.expand_home, help="folder, zip or json of the data set")
    parser.add_argument("out", type=files.expand_home, help="folder to write Train/, Test/ and reference/ to")
    parser.add_argument(
        "--test",
        type=files.expand_home,
        help="folder, zip or video with the frames of Test (default: the data set's own test part)",
    )
    parser.add_argument(
        "--format",
        default="",
        help="cityscapes, vistas, voc, yolo, label-studio, labelme, coco, folders (default: found by itself)",
    )
    masks = "where a photo's mask lies, as 'masks/{drive}/{name}_seg.png'"
    parser.add_argument("--masks", default="", help=masks)
    parser.add_argument("--colors", type=files.expand_home, help="table that names the masks' colours or ids")
    parser.add_argument(
        "--unlabelled",
        choices=("background", "ignore"),
        default="background",
        help="what pixels outside of all annotated areas are (default: background)",
    )
    parser.add_argument(
        "--labels", default="", help="'folders', or a table of photo and label, for the image-level labels"
    )
    parser.add_argument(
        "--label-rule",
        default="",
        help="labels by the masks, as 'crossing: crosswalk >= 5; sidewalk' (percent)",
    )
    parser.add_argument(
        "--drive",
        default="",
        help="regular expression whose group names a photo's drive (default: its folder)",
    )
    parser.add_argument(
        "--classes",
        type=files.expand_home,
        help="folder whose classes.csv gives the ids, as the Train that the frames join (default: from 0)",
    )
    parser.add_argument(
        "--every", type=parse_count, default=30, help="take each n-th frame of a video (default: 30)"
    )
    parser.add_argument("--link", action="store_true", help="link the photos instead of copying them")


def run(arguments: argparse.Namespace) -> int:
    """Writes the frames, says what was mapped and what was left out, and ends with the doctor's report."""
    from src.bring.bring import Labels, bring
    from src.bring.source import Options
    from src.commands import doctor

    options = Options(
        work=Path(),
        unlabelled=arguments.unlabelled,
        masks=arguments.masks,
        colors=arguments.colors,
        every=arguments.every,
        drive=arguments.drive,
        classes=arguments.classes,
    )
    labels = Labels(arguments.labels, arguments.label_rule)
    brought = bring(
        arguments.source, arguments.out, arguments.test, arguments.format, options, labels, arguments.link
    )
    print(brought.describe(), end="\n\n")
    out = arguments.out
    test = out / "Test" if brought.written.test else None
    code = doctor.run(argparse.Namespace(train=out / "Train", test=test))
    if code:
        return code
    reference = f' REFERENCE="{out}/reference"' if brought.written.truth else ""
    print(f'\nNext: make run DATA="{out}"{reference}')
    if test is None:
        print(f"It needs frames to predict: bring with --test, or put data.csv and photos into {out}/Test.")
    return 0
