import numpy as np
import pytest
import torch
from adversarial import perceptron, train_gan, train_wgan

REAL = np.random.default_rng(0).normal([3.0, 0.0], size=(64, 2))


def test_no_activation_after_the_last_layer():
    network = perceptron([2, 5, 1])
    assert [type(layer).__name__ for layer in network] == ["Linear", "ReLU", "Linear"]
    assert network(torch.zeros(7, 2)).shape == (7, 1)


@pytest.mark.parametrize("train", [train_gan, train_wgan])
def test_training_moves_samples_to_the_data_and_follows_the_seed(train):
    steps = 150
    first, again, other = (train(REAL, steps=steps, seed=seed)(400) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    untrained = train(REAL, steps=0, seed=0)(400)
    assert np.linalg.norm(first.mean(axis=0) - [3, 0]) < 0.6 * np.linalg.norm(untrained.mean(axis=0) - [3, 0])


def test_packs_are_judged_together():
    assert train_gan(REAL, pack=4, steps=2, width=8)(10).shape == (10, 2)
