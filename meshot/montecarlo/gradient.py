"""First-order optimizers for one level: Adam with new samples for each step, and L-BFGS on a sample that stays.

References
----------
Kingma, Ba, "Adam", ICLR 2015; Polyak, Juditsky, "Acceleration of stochastic approximation by averaging", SIAM J. Control
Optim. 1992; An, Guo, Lei, Luo, Yau, Gu, "AE-OT", ICLR 2020 (Adam for these heights, on a GPU).
"""

from dataclasses import replace

import numpy as np
import torch

from meshot.montecarlo.facets import mean_gaps
from meshot.montecarlo.state import State
from meshot.montecarlo.steps import Level, Report
from meshot.montecarlo.survey import survey

# Adam's steps, samples of each as a share of the last surveys', and how often the rate is halved.
ADAM_STEPS, ADAM_SHARE, HALVINGS = 192, 1 / 16, 8
# First rate, in typical gaps, and the share of the steps whose iterates are averaged.
RATE, AVERAGED = 0.5, 0.25
BETAS, TINY = (0.9, 0.99), 1e-12
LBFGS_STEPS, LBFGS_MEMORY, LBFGS_SHARE = 60, 20, 1 / 2


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
    """Minimize the energy of one sample by L-BFGS, whose line search obeys the strong Wolfe conditions."""
    size = max(1024, int(level.final * LBFGS_SHARE))
    problem, seed, spent = level.problem, (level.seed, state.draws), 0
    shares = torch.tensor(problem.shares)
    # heights are measured in gaps, so that all directions are of order one
    found, _, state = level.look(replace(state, size=size))
    scale = float(np.median(mean_gaps(found, problem, level.ranks)))
    variable = torch.tensor(state.heights / scale, requires_grad=True)
    method = torch.optim.LBFGS([variable], max_iter=1, history_size=LBFGS_MEMORY, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        nonlocal spent, found
        heights = variable.detach().numpy() * scale
        found = survey(problem, heights, size, seed, level.ranks, neighbors=False)
        spent += size
        variable.grad = torch.tensor(found.masses) - shares
        return torch.tensor((found.potential - problem.shares @ heights) / scale)

    best = np.inf
    for _ in range(LBFGS_STEPS):
        method.step(closure)
        heights = level.ranks.same(variable.detach().numpy() * scale)
        quality = found.quality(problem.shares)
        state = replace(state, heights=heights - heights.mean())
        state = level.record(state, found, quality, 1.0)
        report(replace(state, spent=state.spent + spent), quality)
        left = float(np.linalg.norm(found.masses - problem.shares))
        if not left < 0.999 * best or quality.largest == 0:
            break
        best = left
    return replace(state, spent=state.spent + spent, draws=state.draws + 1)
