"""W2GAN and WGAN-GP where the optimal map and its potentials are known."""

import pytest
import torch
from learnedmaps import Game, Potentials, critic_loss, gradient, moved, potentials_loss, w2gan
from networks import ResidualMap

SHIFT = torch.tensor([1.0, 0.5])


def normal(count):
    return 0.5 * torch.randn(count, 2)


def shifted(count):
    return normal(count) + SHIFT


def linear_potentials(slope, at_zero, rest):
    """Return phi(x) = <slope, x> + at_zero and psi(y) = rest - phi(y)."""
    potentials = Potentials(2, ())
    with torch.no_grad():
        for parameter, value in zip(
            potentials.parameters(), (slope[None], at_zero, 0 * slope[None], rest), strict=True
        ):
            parameter.copy_(torch.as_tensor(value))
    return potentials


def test_potentials_of_a_translation():
    """Its potentials <v, x> - |v|^2 / 2 and -<v, y> meet the c-inequality, and the c-equality at x - y = v."""
    half = SHIFT @ SHIFT / 2
    potentials = linear_potentials(SHIFT, -half, -half)
    y = normal(50)
    x = y[torch.randperm(50)] + SHIFT
    assert torch.allclose(moved(potentials.phi, x), x - SHIFT, atol=1e-6)
    assert torch.allclose(moved(potentials.psi, y), y + SHIFT, atol=1e-6)
    loss = potentials_loss(potentials, x, y, Game(penalty=10.0, equality=10.0))
    assert loss.item() == pytest.approx(-half.item(), rel=1e-5)  # half of W_2^2


def test_what_exceeds_the_inequality_is_squared():
    """At x = y, where the cost is zero, a sum of k gains k and costs k^2, twice for each of the two terms."""
    x = normal(10)
    potentials = linear_potentials(torch.zeros(2), 0.3, 0.3)
    for equality in (0.0, 7.0):
        loss = potentials_loss(potentials, x, x, Game(penalty=5.0, equality=equality))
        expected = -0.3 + 2 * (5 + equality) * 0.3**2
        assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_gradient_of_a_quadratic_can_be_differentiated():
    scale = torch.tensor(3.0, requires_grad=True)
    x = normal(5)
    slope = gradient(lambda points: scale * (points**2).sum(dim=1), x)
    assert torch.allclose(slope, 6 * x)
    slope.sum().backward()
    assert scale.grad.item() == pytest.approx(2 * x.sum().item(), rel=1e-5)


def test_a_map_starts_at_the_identity():
    x = normal(20)
    assert torch.equal(ResidualMap(2, (8, 8))(x), x)


def test_w2gan_learns_a_translation():
    torch.manual_seed(0)
    game = Game(
        steps=150, critic_steps=5, batch=64, widths=(32, 32), map_widths=(32, 32), critic_rate=2e-3, map_rate=4e-3,
        penalty=50.0, equality=50.0,
    )  # fmt: skip
    learned = w2gan(normal, shifted, game)
    x = normal(1000)
    with torch.no_grad():
        error = ((learned(x) - x - SHIFT) ** 2).sum(dim=1).mean().item()
    assert error < 0.03 * (SHIFT @ SHIFT).item()


def test_critic_of_constant_slope():
    """A linear critic of slope |w| = 5 tells translates apart by <w, v>, and pays for 4 too many."""
    critic = torch.nn.Linear(2, 1)
    with torch.no_grad():
        critic.weight.copy_(torch.tensor([[3.0, 4.0]]))
    y = normal(10)
    assert critic_loss(critic, y + SHIFT, y, Game(penalty=2.0)).item() == pytest.approx(-5 + 2 * 4**2, rel=1e-5)
