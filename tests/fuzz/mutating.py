"""Mutants: files that went wrong, each known by a seed and a number."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from bytemutations import BYTE_MUTATIONS, LARGE_MUTATIONS
from meshmutations import KINDS, MESH_MUTATIONS, draft

CHANGES = [*sorted(MESH_MUTATIONS), *sorted(BYTE_MUTATIONS)]
"""Names of all mutations that leave a file small."""
# How many changes of the mesh, and then of the bytes, a mutant gets.
_NUMBERS = ((0, 1), (0, 2), (0, 4), (1, 0), (1, 0), (2, 0), (3, 0), (1, 1))
# One mutant in so many is made large.
_LARGE_EVERY = 100


@dataclass(frozen=True)
class Mutant:
    """A file that went wrong.

    Attributes
    ----------
    kind : str
        Format, as the tests' encoders name it; what stands before the hyphen is the suffix.
    changes : tuple of str
        Names of the mutations, in order.
    data : bytes
        The file.
    """

    kind: str
    changes: tuple[str, ...]
    data: bytes

    @property
    def suffix(self) -> str:
        """Suffix of the file, without its dot."""
        return self.kind.partition("-")[0]


def mutant(seed: int, number: int) -> Mutant:
    """Return one of the mutants of a seed, the same at every call."""
    rng = random.Random(f"{seed} {number}")
    kind = rng.choice(KINDS[rng.choice(sorted(KINDS))])
    of_mesh, of_bytes = rng.choice(_NUMBERS)
    changes = [*rng.choices(sorted(MESH_MUTATIONS), k=of_mesh), *rng.choices(sorted(BYTE_MUTATIONS), k=of_bytes)]
    if rng.randrange(_LARGE_EVERY) == 0:
        changes.append(rng.choice(sorted(LARGE_MUTATIONS)))
    return mutated(kind, changes, rng)


def mutated(kind: str, changes: Sequence[str], rng: random.Random) -> Mutant:
    """Return a file of this kind after these changes: first those of the mesh, then those of the bytes."""
    mesh = draft(kind, rng)
    for name in changes:
        if name in MESH_MUTATIONS:
            MESH_MUTATIONS[name](mesh, rng)
    data = mesh.encode()
    for name in changes:
        if name not in MESH_MUTATIONS:
            data = {**BYTE_MUTATIONS, **LARGE_MUTATIONS}[name](data, rng)
    return Mutant(kind, tuple(changes), data)
