"""Small generative adversarial networks for points of the plane, trained beside transport."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.optim.lr_scheduler import LinearLR

Sampler = Callable[[int], np.ndarray]


def perceptron(widths: list[int], *, normalized: bool = False) -> nn.Sequential:
    """Return linear layers from width to width with rectifiers between them, perhaps behind batch normalization."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths[:-1]):
        layers += [nn.Linear(before, after), *([nn.BatchNorm1d(after)] if normalized else []), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(*widths[-2:]))


class Maxout(nn.Module):
    """Each output is the largest of so many linear functions (Goodfellow et al., "Maxout networks", ICML 2013)."""

    def __init__(self, before: int, after: int, pieces: int = 3) -> None:
        super().__init__()
        self.linear = nn.Linear(before, after * pieces)
        self.split = nn.Unflatten(1, (after, pieces))

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs (n, after)."""
        return self.split(self.linear(x)).amax(dim=2)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch work with one thread: networks this small are slower with more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def sampler(generator: nn.Module, latent: int, seed: int) -> Sampler:
    """Return a function that draws so many points from a trained generator."""
    source = torch.Generator().manual_seed(seed)

    def draw(count: int) -> np.ndarray:
        with torch.no_grad():
            return generator(torch.randn(count, latent, generator=source)).double().numpy()

    return draw


@one_thread()
def train_gan(
    real: np.ndarray, pack: int = 1, steps: int = 8000, *, width: int = 100, batch: int = 100, seed: int = 0
) -> Sampler:
    """Train a GAN with the non-saturating loss on points (n, 2) of about unit size.

    With `pack` > 1 the discriminator judges so many samples together, and sees when they lack variety. The networks are
    those of PacGAN's authors, the generator a layer less deep and a quarter as wide, the discriminator half as wide.

    References
    ----------
    Goodfellow et al., "Generative adversarial nets", NeurIPS 2014; Lin et al., "PacGAN", NeurIPS 2018.
    """
    torch.manual_seed(seed)
    data = torch.tensor(real, dtype=torch.float32)
    generator = perceptron([2, width, width, width, 2], normalized=True)
    critic = nn.Sequential(Maxout(2 * pack, width), Maxout(width, width), Maxout(width, width), nn.Linear(width, 1))
    ours, theirs = (torch.optim.Adam(net.parameters(), lr=1e-3, betas=(0.5, 0.9)) for net in (generator, critic))
    fading = [LinearLR(optimizer, 1.0, 0.0, steps) for optimizer in (ours, theirs)]
    for _ in range(steps):
        truth = data[torch.randint(len(data), (batch * pack,))].view(batch, -1)
        made = generator(torch.randn(batch * pack, 2)).view(batch, -1)
        theirs.zero_grad()
        (softplus(-critic(truth)) + softplus(critic(made.detach()))).mean().backward()
        theirs.step()
        ours.zero_grad()
        softplus(-critic(made)).mean().backward()
        ours.step()
        for rate in fading:
            rate.step()
    return sampler(generator.eval(), 2, seed)


@one_thread()
def train_wgan(real: np.ndarray, steps: int = 3000, *, clip: float = 0.5, rate: float = 1e-3, seed: int = 0) -> Sampler:
    """Train a Wasserstein GAN with clipped weights on points (n, 2): a generator of six layers of 10, a critic of two.

    References
    ----------
    Arjovsky, Chintala, Bottou, "Wasserstein GAN", ICML 2017, with its five steps of the critic to one of the generator.
    """
    torch.manual_seed(seed)
    data = torch.tensor(real, dtype=torch.float32)
    generator, critic = perceptron([2, *6 * [10], 2]), perceptron([2, 10, 10, 1])
    ours, theirs = (torch.optim.RMSprop(net.parameters(), lr=rate) for net in (generator, critic))
    for step in range(6 * steps):
        made = generator(torch.randn(len(data), 2))
        if step % 6 == 5:
            ours.zero_grad()
            (-critic(made)).mean().backward()
            ours.step()
            continue
        theirs.zero_grad()
        (critic(made.detach()).mean() - critic(data).mean()).backward()
        theirs.step()
        with torch.no_grad():
            for weights in critic.parameters():
                weights.clamp_(-clip, clip)
    return sampler(generator, 2, seed)
