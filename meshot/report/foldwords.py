"""What the reports say of folds."""

from meshot.folds.singular import SingularSet
from meshot.report.page import number


def fold_words(folds: SingularSet, target: str = "target", *, known: bool = False) -> str:
    """Say how many folds there are, how large, and how they were found in a `target` that was `known` or not."""
    told, where = folds.summary(), "outside of it and " if known else ""
    rule = (
        f"A facet between two cells is a tear if the straight way between their sites leaves the {target}: if it "
        f"passes a place {where}farther than {number(folds.threshold)} spacings from every site; the "
        f"target's spacing is {number(folds.spacing)} at the median."
    )
    if not len(folds):
        return f"No facet is: the map is as continuous as its cells can tell. {rule}"
    count = len(told["sheets"])
    if folds.dimension == 2:
        ends = f"{_counted(told['branch_points'], 'branch point')} and {_counted(told['free_ends'], 'free end')}"
        what = f"{_counted(count, 'curve')} of length {number(told['measure'])} in all, with {ends}"
    else:
        ends = f"branch curves of length {number(told['branch_length'])}"
        what = f"{_counted(count, 'sheet')} of area {number(told['measure'])} in all, with {ends}"
    return f"{what}; the map jumps by {number(told['largest_jump'])} at most. {rule}"


def _counted(count: int, word: str) -> str:
    return f"{number(count)} {word}{'' if count == 1 else 's'}"
