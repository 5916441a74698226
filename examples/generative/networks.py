"""Small networks: a map that starts at the identity, and the halves of InfoGAN for digits."""

from collections.abc import Sequence

from adversarial import perceptron
from torch import Tensor, nn


class ResidualMap(nn.Module):
    """x + a perceptron of x whose last layer starts at zero: the identity, before it has learned anything."""

    def __init__(self, dimension: int, widths: Sequence[int], *, normalized: bool = False) -> None:
        super().__init__()
        self.shift = perceptron([dimension, *widths, dimension], normalized=normalized)
        nn.init.zeros_(self.shift[-1].weight)
        nn.init.zeros_(self.shift[-1].bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return the images (n, d) of points."""
        return x + self.shift(x)


def encoder(size: int, latent: int) -> nn.Sequential:
    """Return InfoGAN's discriminator with `latent` outputs, for images (n, size, size).

    Its two convolutions halve the sides of the image; smaller digits get a quarter of the channels.

    References
    ----------
    Chen et al., "InfoGAN", NeurIPS 2016, table 1.
    """
    channels, hidden = _widths(size)
    return nn.Sequential(
        nn.Unflatten(1, (1, size)),
        nn.Conv2d(1, channels, 4, 2, 1),
        nn.LeakyReLU(0.1),
        nn.Conv2d(channels, 2 * channels, 4, 2, 1),
        nn.BatchNorm2d(2 * channels),
        nn.LeakyReLU(0.1),
        nn.Flatten(),
        nn.Linear(2 * channels * (size // 4) ** 2, hidden),
        nn.BatchNorm1d(hidden),
        nn.LeakyReLU(0.1),
        nn.Linear(hidden, latent),
    )


def decoder(size: int, latent: int) -> nn.Sequential:
    """Return InfoGAN's generator from `latent` inputs to images (n, size, size) from 0 to 1.

    References
    ----------
    Chen et al., "InfoGAN", NeurIPS 2016, table 1.
    """
    channels, hidden = _widths(size)
    return nn.Sequential(
        nn.Linear(latent, hidden),
        nn.BatchNorm1d(hidden),
        nn.ReLU(),
        nn.Linear(hidden, 2 * channels * (size // 4) ** 2),
        nn.BatchNorm1d(2 * channels * (size // 4) ** 2),
        nn.ReLU(),
        nn.Unflatten(1, (2 * channels, size // 4, size // 4)),
        nn.ConvTranspose2d(2 * channels, channels, 4, 2, 1),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.ConvTranspose2d(channels, 1, 4, 2, 1),
        nn.Sigmoid(),
        nn.Flatten(1, 2),
    )


def _widths(size: int) -> tuple[int, int]:
    """Return the channels of the outer convolution and the width of the hidden layer."""
    return (64, 1024) if size > 8 else (16, 256)


class Classifier(nn.Module):
    """Tells the ten digits apart; scores are taken in its last hidden layer."""

    def __init__(self, size: int, features: int = 64) -> None:
        super().__init__()
        self.features = nn.Sequential(encoder(size, features), nn.ReLU())
        self.last = nn.Linear(features, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Return the scores (n, 10) of the digits."""
        return self.last(self.features(images))
