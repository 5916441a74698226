"""Digits carried over to images of another brightness."""

import numpy as np
import pytest
from datasets import Digits, small_digits
from digits_adaptation import adapt, agreement, bandwidth, barycentric, draw, nearest_label, transported

pytest.importorskip("sklearn")
SHIFT = np.array([1, 0.5])


def test_nearest_label():
    labels = nearest_label(np.array([[0.0], [10.0]]), np.array([3, 8]), np.array([[4.0], [6.0], [-9.0]]))
    assert labels.tolist() == [3, 8, 3]


def test_maps_of_a_translation():
    """Samples that are far apart go where their own translates are."""
    source = 5 * np.array([[0.0, 0], [1, 0], [0, 1], [1, 1], [2, 0]])
    for carry in (barycentric, lambda source, target: transported(source, target, 0.1, 0)):
        assert np.allclose(carry(source, source + SHIFT), source + SHIFT, atol=0.05)


def test_bandwidth_of_two_coordinates():
    """Of eight samples it is 8^(-1/6) of their root mean square deviation."""
    samples = np.array([[1.0, 7], [-1, 7]] * 4)
    assert bandwidth(samples) == pytest.approx(8 ** (-1 / 6) * np.sqrt(1 / 2))


def test_agreement_of_an_assignment():
    """Two of the three digits go to one of the same label."""
    images = np.arange(3.0)[:, None, None] * np.ones((1, 2, 2))
    source, target = Digits(images, np.array([4, 5, 6])), Digits(images[::-1] + 9, np.array([6, 1, 4]))
    assert agreement(source, target) == pytest.approx(200 / 3)


def test_digits_on_gray_paper_are_told():
    """Transport carries digits to gray paper, where those that have much ink are the nearest to all others."""
    train, test = small_digits(np.random.default_rng(0))
    source = Digits(train.images[:100], train.labels[:100])
    target, told = (Digits(0.6 + 0.4 * each.images, each.labels) for each in (train, test))
    percent, images = adapt(source, Digits(target.images[100:200], target.labels[100:200]), told, seed=0, steps=1)
    assert percent["target"] > 70
    assert percent["barycentric"] > percent["source only"] + 15
    assert percent["meshot"] > percent["source only"] + 15
    assert all(image.shape == (100, 64) for image in images.values())
    assert len(draw({"one": images, "other": images}).axes) == 2
