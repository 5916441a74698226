"""First-order optimizers for one level: Adam with new samples for each step, and L-BFGS on a sample that stays.

References
----------
Kingma, Ba, "Adam", ICLR 2015; Polyak, Juditsky, "Acceleration of stochastic approximation by averaging", SIAM J.
Control Optim. 1992; An, Guo, Lei, Luo, Yau, Gu, "AE-OT", ICLR 2020 (Adam for these heights, on a GPU).
"""

from collections import deque
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from meshot.base.arrays import Floats
from meshot.transport.sampled.checkpoint import State
from meshot.transport.sampled.estimates import survey
from meshot.transport.sampled.facets import mean_gaps, newton_solver
from meshot.transport.sampled.levels import Level, Report

# Adam's steps, samples of each as a share of the last surveys', and how often the rate is halved.
ADAM_STEPS, ADAM_SHARE, HALVINGS = 192, 1 / 16, 8
# First rate, in typical gaps, and the share of the steps whose iterates are averaged.
RATE, AVERAGED = 0.5, 0.25
BETAS, TINY = (0.9, 0.99), 1e-12
LBFGS_STEPS, LBFGS_MEMORY, LBFGS_SHARE = 40, 10, 1 / 2
ARMIJO, SHORTEST, PATIENCE = 1e-4, 1e-3, 4


def adam(level: Level, state: State, report: Report) -> State:
    """Run Adam with a falling rate from where the state stands, and end at the mean of the last iterates."""
    n = len(level.problem.sites)
    size = max(1024, int(level.final * ADAM_SHARE))
    state = replace(state, size=size)
    extra = dict(state.extra)
    if "rate" not in extra:
        found, _, state = level.look(state)
        gap = float(np.median(mean_gaps(found, level.problem, level.ranks)))
        zeros = {name: np.zeros(n) for name in ("mean", "square", "average")}
        extra = {**zeros, "rate": np.array(RATE * gap), "taken": np.array(0)}
    first_averaged = int((1 - AVERAGED) * ADAM_STEPS)
    for k in range(int(extra["taken"]), ADAM_STEPS):
        found, quality, state = level.look(state, neighbors=False)
        # relative to the mass asked for: cells of any size move alike
        gradient = (found.masses - level.problem.shares) / level.problem.shares
        extra["mean"] = BETAS[0] * extra["mean"] + (1 - BETAS[0]) * gradient
        extra["square"] = BETAS[1] * extra["square"] + (1 - BETAS[1]) * gradient**2
        mean, square = (extra[name] / (1 - b ** (k + 1)) for name, b in zip(("mean", "square"), BETAS, strict=True))
        rate = float(extra["rate"]) * 0.5 ** (k * HALVINGS // ADAM_STEPS)
        heights = state.heights - rate * mean / (np.sqrt(square) + TINY)
        heights = level.ranks.same(heights - heights.mean())
        if k >= first_averaged:
            extra["average"] = extra["average"] + heights / (ADAM_STEPS - first_averaged)
        extra["taken"] = np.array(k + 1)
        state = replace(level.record(state, found, quality, rate), heights=heights, extra=dict(extra))
        report(state, quality)
    return replace(state, heights=extra["average"], extra={})


def lbfgs(level: Level, state: State, report: Report) -> State:
    """Minimize the energy of one sample by L-BFGS, whose first Hessian is the facets' at the start.

    A step is halved until the energy falls as Armijo asks (Nocedal and Wright, "Numerical optimization", 2006, ch. 7).
    """
    problem, shares, size = level.problem, level.problem.shares, max(1024, int(level.final * LBFGS_SHARE))
    state = replace(state, size=size)
    seed, pairs = (level.seed, state.draws), deque[tuple[Floats, Floats]](maxlen=LBFGS_MEMORY)
    found, quality, state = level.look(state)
    solve = newton_solver(found, problem, level.ranks)
    gradient, energy, best = found.masses - shares, found.potential - shares @ state.heights, np.inf
    stalled = 0
    for _ in range(LBFGS_STEPS):
        move = -_two_loops(gradient, pairs, solve)
        slope, length = float(move @ gradient), 1.0
        while True:
            heights = level.ranks.same(state.heights + length * move)
            found = survey(problem, heights, size, seed, level.ranks, neighbors=False)
            state = replace(state, spent=state.spent + size)
            if found.potential - shares @ heights <= energy + ARMIJO * length * slope or length < SHORTEST:
                break
            length /= 2
        change = found.masses - shares - gradient
        if change @ move > 0:
            pairs.append((length * move, change))
        gradient, energy = gradient + change, found.potential - shares @ heights
        quality = found.quality(shares)
        state = level.record(replace(state, heights=heights), found, quality, length)
        report(state, quality)
        left = float((gradient**2 / shares).sum())
        stalled = 0 if left < 0.9 * best else stalled + 1
        if length < SHORTEST or stalled == PATIENCE:
            break
        best = min(best, left)
    return replace(state, heights=state.heights - state.heights.mean())


def _two_loops(gradient: Floats, pairs: deque[tuple[Floats, Floats]], solve: Callable[[Floats], Floats]) -> Floats:
    """Return the inverse Hessian of L-BFGS times the gradient."""
    rest, factors = gradient.copy(), []
    for move, change in reversed(pairs):
        factors.append(float(move @ rest) / float(move @ change))
        rest -= factors[-1] * change
    result = solve(rest)
    for (move, change), factor in zip(pairs, reversed(factors), strict=True):
        result += (factor - float(change @ result) / float(move @ change)) * move
    return result
