"""First-order optimizers of one level: Adam with new samples for each step, and L-BFGS on a fixed sample.

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
from meshot.transport.sampled.estimates import estimate_cells
from meshot.transport.sampled.facets import mean_gaps, newton_solver
from meshot.transport.sampled.levels import Level, Report

# Adam's steps, the samples of each as a share of the last batches', and how often the rate is halved.
ADAM_STEPS, ADAM_SAMPLES, HALVINGS = 192, 1 / 16, 8
# First rate, in typical gaps, and the share of the steps whose iterates are averaged.
FIRST_RATE, AVERAGED_STEPS = 0.5, 0.25
BETAS, EPSILON = (0.9, 0.99), 1e-12
# L-BFGS: most steps, pairs that are kept, and samples as a share of the last batches'.
LBFGS_STEPS, LBFGS_MEMORY, LBFGS_SAMPLES = 40, 10, 1 / 2
# Armijo's constant, the shortest step, and steps without progress after which the iteration stops.
ARMIJO, MIN_STEP, MAX_STALLED_STEPS = 1e-4, 1e-3, 4


def adam(level: Level, state: State, report: Report) -> State:
    """Run Adam with a falling rate, and return the mean of the last iterates.

    Parameters
    ----------
    level : Level
    state : State
        Where to start; its `extra` resumes an interrupted run.
    report : callable
        Gets the state and the error after each step.

    Returns
    -------
    State
    """
    n = len(level.problem.sites)
    size = max(1024, int(level.final * ADAM_SAMPLES))
    state = replace(state, size=size)
    extra = dict(state.extra)
    if "rate" not in extra:
        estimates, _, state = level.estimate(state)
        gap = float(np.median(mean_gaps(estimates, level.problem, level.group)))
        zeros = {name: np.zeros(n) for name in ("mean", "square", "average")}
        extra = {**zeros, "rate": np.array(FIRST_RATE * gap), "taken": np.array(0)}
    first_averaged = int((1 - AVERAGED_STEPS) * ADAM_STEPS)
    for k in range(int(extra["taken"]), ADAM_STEPS):
        estimates, quality, state = level.estimate(state, neighbors=False)
        # relative to the prescribed mass, so that cells of any size move alike
        gradient = (estimates.masses - level.problem.shares) / level.problem.shares
        extra["mean"] = BETAS[0] * extra["mean"] + (1 - BETAS[0]) * gradient
        extra["square"] = BETAS[1] * extra["square"] + (1 - BETAS[1]) * gradient**2
        mean, square = (extra[name] / (1 - b ** (k + 1)) for name, b in zip(("mean", "square"), BETAS, strict=True))
        rate = float(extra["rate"]) * 0.5 ** (k * HALVINGS // ADAM_STEPS)
        heights = state.heights - rate * mean / (np.sqrt(square) + EPSILON)
        heights = level.group.broadcast(heights - heights.mean())
        if k >= first_averaged:
            extra["average"] = extra["average"] + heights / (ADAM_STEPS - first_averaged)
        extra["taken"] = np.array(k + 1)
        state = replace(level.record(state, estimates, quality, rate), heights=heights, extra=dict(extra))
        report(state, quality)
    return replace(state, heights=extra["average"], extra={})


def lbfgs(level: Level, state: State, report: Report) -> State:
    """Minimize the energy of one sample by L-BFGS, with the Hessian from facets at the start as the initial one.

    Steps are halved until Armijo's condition holds (Nocedal and Wright, "Numerical optimization", 2006, ch. 7).

    Parameters
    ----------
    level : Level
    state : State
    report : callable
        Gets the state and the error after each step.

    Returns
    -------
    State
    """
    problem, shares, size = level.problem, level.problem.shares, max(1024, int(level.final * LBFGS_SAMPLES))
    state = replace(state, size=size)
    seed, pairs = (level.seed, state.batches), deque[tuple[Floats, Floats]](maxlen=LBFGS_MEMORY)
    estimates, quality, state = level.estimate(state)
    solve = newton_solver(estimates, problem, level.group)
    gradient, energy, best = estimates.masses - shares, estimates.potential - shares @ state.heights, np.inf
    stalled = 0
    for _ in range(LBFGS_STEPS):
        move = -_two_loops(gradient, pairs, solve)
        slope, length = float(move @ gradient), 1.0
        while True:
            heights = level.group.broadcast(state.heights + length * move)
            estimates = estimate_cells(problem, heights, size, seed, level.group, neighbors=False)
            state = replace(state, samples=state.samples + size)
            if estimates.potential - shares @ heights <= energy + ARMIJO * length * slope or length < MIN_STEP:
                break
            length /= 2
        change = estimates.masses - shares - gradient
        if change @ move > 0:
            pairs.append((length * move, change))
        gradient, energy = gradient + change, estimates.potential - shares @ heights
        quality = estimates.quality(shares)
        state = level.record(replace(state, heights=heights), estimates, quality, length)
        report(state, quality)
        left = float((gradient**2 / shares).sum())
        stalled = 0 if left < 0.9 * best else stalled + 1
        if length < MIN_STEP or stalled == MAX_STALLED_STEPS:
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
