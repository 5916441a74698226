"""Mutants: files that went wrong, each known by a seed and a number."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from bytemutations import BYTE_MUTATIONS, LARGE_MUTATIONS
from formatmutations import FORMAT_MUTATIONS, HARMLESS, OWN_MUTATIONS
from meshmutations import KINDS, MESH_MUTATIONS, draft

CHANGES = [*sorted(MESH_MUTATIONS), *sorted(BYTE_MUTATIONS), *sorted(FORMAT_MUTATIONS)]
"""Names of all mutations that leave a file small."""
# How many changes of the mesh, and then of the bytes, a mutant gets.
_NUMBERS = ((0, 1), (0, 2), (0, 4), (1, 0), (1, 0), (2, 0), (3, 0), (1, 1))
# One mutant in so many gets a change that its format invites, and one in so many is made large.
_OWN_EVERY = 3
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
    area : float or None
        The area that a reader must find in it, if it finds a mesh; NaN where it must not: a flat face crosses itself.
        None if none is right.
    """

    kind: str
    changes: tuple[str, ...]
    data: bytes
    area: float | None = None

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
    own = OWN_MUTATIONS.get(kind.partition("-")[0])
    if own and rng.randrange(_OWN_EVERY) == 0:
        changes.insert(of_mesh, rng.choice(sorted(own)))
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
            data = {**BYTE_MUTATIONS, **LARGE_MUTATIONS, **FORMAT_MUTATIONS}[name](data, rng)
    known = all(name in MESH_MUTATIONS or name in HARMLESS for name in changes)
    return Mutant(kind, tuple(changes), data, mesh.area() if known else None)
