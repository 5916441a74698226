"""Maps between distributions learned by a game of networks: W2GAN and WGAN-GP."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from adversarial import perceptron
from networks import ResidualMap
from torch import Tensor, nn
from torch.nn.functional import relu

# Returns that many fresh samples of a distribution, (count, d).
Draw = Callable[[int], Tensor]


class Game(NamedTuple):
    """How a map is learned.

    Attributes
    ----------
    steps : int
        Steps of the map.
    critic_steps, first_steps : int
        Steps of the potentials, or the critic, before each of the map, and before the first.
    batch : int
        Samples of each distribution a step.
    widths, map_widths : tuple of int
        Hidden layers of the potentials or the critic, and of the map.
    normalized : bool
        Whether the map's layers normalize their batches.
    critic_rate, map_rate : float
        Of Adam.
    betas : (float, float)
        Of Adam.
    penalty : float
        Weight of the regularizer: the c-inequality, or the gradient of the critic.
    equality : float
        Weight of the c-equality; W2GAN alone has it.
    """

    steps: int = 2000
    critic_steps: int = 10
    first_steps: int = 10
    batch: int = 256
    widths: tuple[int, ...] = (128, 128)
    map_widths: tuple[int, ...] = (128, 128)
    normalized: bool = False
    critic_rate: float = 5e-4
    map_rate: float = 1e-4
    betas: tuple[float, float] = (0.5, 0.9)
    penalty: float = 200.0
    equality: float = 0.0


def cost(x: Tensor, y: Tensor) -> Tensor:
    """Return |x - y|^2 / 2 of each pair, (n,)."""
    return ((x - y) ** 2).sum(dim=1) / 2


class Potentials(nn.Module):
    """Kantorovich potentials phi on the target and psi on the image of the map, with phi(x) + psi(y) <= c(x, y).

    They are phi and -phi + rest, since the sum is zero where target and image agree, which is where training ends.
    """

    def __init__(self, dimension: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.first, self.rest = (perceptron([dimension, *widths, 1]) for _ in range(2))

    def phi(self, x: Tensor) -> Tensor:
        """Return the potential (n,) on the target."""
        return self.first(x)[:, 0]

    def psi(self, y: Tensor) -> Tensor:
        """Return the potential (n,) on the image."""
        return (self.rest(y) - self.first(y))[:, 0]

    def sum(self, x: Tensor, y: Tensor) -> Tensor:
        """Return phi(x) + psi(y) of each pair, (n,)."""
        return self.phi(x) + self.psi(y)

    def excess(self, x: Tensor, y: Tensor) -> Tensor:
        """Return phi(x) + psi(y) - c(x, y) of each pair, (n,)."""
        return self.sum(x, y) - cost(x, y)


def potentials_loss(potentials: Potentials, x: Tensor, y: Tensor, game: Game) -> Tensor:
    """Return what the potentials minimize, for samples `x` of the target and `y` of the map's image.

    The dual value, negated; the squares of what exceeds the c-inequality, at the pairs and at random places between
    them; and the squares of what is missing to the c-equality at the pairs of a point and its image by the potentials,
    x - grad phi(x).

    References
    ----------
    Leygonie, She, Almahairi, Rajeswar and Courville, "Adversarial computation of optimal transport maps", 2019.
    """
    dual = potentials.sum(x, y)
    excess = torch.cat([dual - cost(x, y), potentials.excess(between(x, y), between(x, y))])
    # two means, of the pairs and of the places between them
    loss = -dual.mean() + 2 * game.penalty * (relu(excess) ** 2).mean()
    if game.equality:
        x_image, y_image = moved(potentials.phi, x), moved(potentials.psi, y)
        missing = (potentials.excess(x, x_image) ** 2).mean() + (potentials.excess(y_image, y) ** 2).mean()
        loss = loss + game.equality * missing
    return loss


def between(x: Tensor, y: Tensor) -> Tensor:
    """Return a random point of each segment from `x` to `y`, (n, d)."""
    share = torch.rand(len(x), 1)
    return share * x + (1 - share) * y


def moved(potential: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return x - grad phi(x), (n, d): the optimal map, if phi is the optimal potential (Brenier)."""
    return x - gradient(potential, x)


def gradient(potential: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return the gradient of a potential at each point, (n, d); it can be differentiated again."""
    x = x.detach().requires_grad_()
    return torch.autograd.grad(potential(x).sum(), x, create_graph=True)[0]


def w2gan(source: Draw, target: Draw, game: Game) -> nn.Module:
    """Learn a map from the source to the target that starts at the identity and follows the Wasserstein geodesic.

    The potentials between target and present image tell where the image should go, y - grad psi(y), and the map takes
    a small step there: it minimizes the mean of psi.

    References
    ----------
    Leygonie et al., "Adversarial computation of optimal transport maps", 2019.
    """
    dimension = source(1).shape[1]
    potentials = Potentials(dimension, game.widths)
    return _play(
        source,
        target,
        game,
        potentials,
        lambda x, y: potentials_loss(potentials, x, y, game),
        lambda y: potentials.psi(y).mean(),
    )


def wgan_gp(source: Draw, target: Draw, game: Game) -> nn.Module:
    """Learn a map from the source to the target by a critic whose gradient is drawn to length one.

    References
    ----------
    Gulrajani et al., "Improved training of Wasserstein GANs", NeurIPS 2017, algorithm 1.
    """
    critic = perceptron([source(1).shape[1], *game.widths, 1])
    return _play(
        source,
        target,
        game,
        critic,
        lambda x, y: critic_loss(critic, x, y, game),
        lambda y: -critic(y).mean(),
    )


def critic_loss(critic: nn.Module, x: Tensor, y: Tensor, game: Game) -> Tensor:
    """Return what a critic minimizes, for samples `x` of the target and `y` of the map's image."""
    slope = gradient(critic, between(x, y)).norm(dim=1)
    return critic(y).mean() - critic(x).mean() + game.penalty * ((slope - 1) ** 2).mean()


def _play(
    source: Draw,
    target: Draw,
    game: Game,
    judge: nn.Module,
    judge_loss: Callable[[Tensor, Tensor], Tensor],
    map_loss: Callable[[Tensor], Tensor],
) -> nn.Module:
    """Train judge and map in turn, and return the map."""
    learned = ResidualMap(source(1).shape[1], game.map_widths, normalized=game.normalized)
    judge_steps = torch.optim.Adam(judge.parameters(), game.critic_rate, game.betas)
    map_steps = torch.optim.Adam(learned.parameters(), game.map_rate, game.betas)
    for step in range(game.steps):
        for _ in range(game.critic_steps if step else game.first_steps):
            with torch.no_grad():
                image = learned(source(game.batch))
            descend(judge_steps, judge_loss(target(game.batch), image))
        descend(map_steps, map_loss(learned(source(game.batch))))
    return learned.eval()


def descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """Take one step."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
