from types import SimpleNamespace

import numpy as np
import pandas as pd

from src import plots
from src.data.frames import Frames


def test_no_frame_is_shown_twice_where_few_have_a_mask(classes):
    images = [np.full((32, 48, 3), 60 * number, np.uint8) for number in range(3)]
    masks = [np.full((32, 48), number, np.uint8) for number in (0, 1, 255)]
    frames = Frames(images, masks, np.zeros(3, np.int32), np.array([True, True, False]))
    samples = pd.DataFrame({"image_path": ["a.jpg", "b.jpg", "c.jpg"]})
    view = plots.plot_samples(SimpleNamespace(frames=frames, samples=samples, classes=classes), count=6)
    assert [ax.get_title() for ax in view.figure.axes] == ["a", "its mask", "b", "its mask"]
