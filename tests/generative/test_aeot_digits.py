"""AE-OT on scikit-learn's digits, end to end at a small size."""

import aeot_digits
import numpy as np
import pytest
from outcomes import kept

pytest.importorskip("sklearn")
SETTINGS = {"seed": 3, "count": 500, "codes": 150, "test_count": 200, "latent": 4, "epochs": 8}


def test_new_digits_and_a_path_across_a_tear(tmp_path):
    numbers = aeot_digits.main(tmp_path, **SETTINGS)
    scores = numbers["scores"]
    assert numbers["codes"] == 150
    assert numbers["classifier_accuracy"] > 0.85
    assert scores["training digits"]["fid"] < scores["AE-OT"]["fid"] < scores["VAE"]["fid"]
    assert scores["AE-OT"]["precision"] > 0.5
    path = numbers["path"]
    assert path["tears"] >= 1
    assert path["longest_step_over_a_tear"] > 2 * path["longest_step_elsewhere"]
    assert kept(tmp_path, "aeot_digits") == numbers


def test_images_are_tiled_row_by_row():
    images = np.arange(4.0)[:, None, None] * np.ones((1, 2, 2))
    tiled = aeot_digits.tile(images, 2)
    assert tiled.shape == (6, 6)
    assert tiled[::3, ::3].tolist() == [[0, 1], [2, 3]]
    assert tiled[2].tolist() == [0] * 6
