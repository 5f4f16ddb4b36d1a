"""Videos of any ending, whole or cut short."""

import cv2
import numpy as np
from PIL import Image

from src.bring.bring import bring
from src.bring.source import Options


def make_video(path, frames):
    writer = cv2.VideoWriter(str(path.with_suffix(".avi")), cv2.VideoWriter_fourcc(*"MJPG"), 5, (32, 24))
    for number in range(frames):
        writer.write(np.full((24, 32, 3), number, np.uint8))
    writer.release()
    return path.with_suffix(".avi").rename(path)


def test_frames_of_a_video_that_cannot_be_read_are_counted(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    Image.new("RGB", (6, 4)).save(source / "a.jpg")
    Image.fromarray(np.uint8([[0, 0, 0, 1, 1, 1]] * 4)).save(source / "a_mask.png")
    video = make_video(tmp_path / "walk.MPG", 60)
    options = Options(tmp_path, every=10)
    brought = bring(source, tmp_path / "whole", video, options=options)
    assert (len(brought.written.test), "by its header" in " ".join(brought.left)) == (6, False)
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    brought = bring(source, tmp_path / "half", video, options=options)
    assert len(brought.written.test) < 6
    assert "(Test) walk.MPG has 60 frames by its header, and " in brought.left[-1]
