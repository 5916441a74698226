from functools import partial

import numpy as np
import pytest
import torch
from adversarial import Maxout, perceptron, train_gan, train_wgan

REAL = np.random.default_rng(0).normal([3.0, 0.0], size=(64, 2))
TRAININGS = pytest.mark.parametrize("train", [partial(train_gan, width=32, batch=64), train_wgan], ids=["GAN", "WGAN"])


def test_no_activation_after_the_last_layer():
    network = perceptron([2, 5, 1])
    assert [type(layer).__name__ for layer in network] == ["Linear", "ReLU", "Linear"]
    assert [type(layer).__name__ for layer in perceptron([2, 5, 1], normalized=True)][1] == "BatchNorm1d"
    assert network(torch.zeros(7, 2)).shape == (7, 1)


@TRAININGS
def test_training_moves_samples_to_the_data(train):
    trained, untrained = (train(REAL, steps=steps, seed=0)(400).mean(axis=0) for steps in (150, 0))
    assert np.linalg.norm(trained - [3, 0]) < 0.6 * np.linalg.norm(untrained - [3, 0])


@TRAININGS
def test_training_follows_the_seed(train):
    first, again, other = (train(REAL, steps=5, seed=seed)(400) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_maxout_is_the_largest_of_its_pieces():
    layer = Maxout(1, 1, pieces=2)
    with torch.no_grad():
        layer.linear.weight.copy_(torch.tensor([[1.0], [-1.0]]))
        layer.linear.bias.zero_()
    assert layer(torch.tensor([[-3.0], [2.0]])).tolist() == [[3.0], [2.0]]


def test_packs_are_judged_together():
    assert train_gan(REAL, pack=4, steps=2, width=8)(10).shape == (10, 2)
