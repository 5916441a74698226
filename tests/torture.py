"""Valid genus-zero surfaces that break maps: needles, caps, spikes, mazes, extreme valences and sizes.

``CASES`` maps a name to a function without arguments that returns a `Surface`.
"""

import numpy as np
from shapes import disk, grid, icosphere, octahedron, relief, tetrahedron, triangle

from meshot.meshes.surface import Surface


def insert(surface: Surface, faces: np.ndarray, barycentric: np.ndarray) -> Surface:
    """Put one vertex inside each of the given faces, which splits it in three."""
    a, b, c = surface.faces[faces].T
    new = len(surface.vertices) + np.arange(len(faces))
    added = np.einsum("fk,fkd->fd", barycentric, surface.corners[faces])
    kept = np.delete(surface.faces, faces, axis=0)
    split = [np.stack(t, axis=1) for t in ((a, b, new), (b, c, new), (c, a, new))]
    return Surface(np.concatenate([surface.vertices, added]), np.concatenate([kept, *split]))


def needles(degrees: float = 1e-3, seed: int = 0) -> Surface:
    """A relief where every third face holds a vertex almost at one of its corners."""
    rng = np.random.default_rng(seed)
    base = relief(12)
    faces = np.arange(0, len(base.faces), 3)
    tiny = np.radians(degrees) * rng.uniform(1, 3, (len(faces), 2))
    weights = np.stack([1 - tiny.sum(axis=1), *tiny.T], axis=1)
    return insert(base, faces, weights)


def caps(degrees: float = 1e-3, seed: int = 0) -> Surface:
    """A relief where every third face holds a vertex almost on one of its edges."""
    rng = np.random.default_rng(seed)
    base = relief(12)
    faces = np.arange(0, len(base.faces), 3)
    along, off = rng.uniform(0.3, 0.7, len(faces)), np.radians(degrees) * rng.uniform(1, 3, len(faces))
    return insert(base, faces, np.stack([along - off / 2, 1 - along - off / 2, off], axis=1))


def boundary_caps(degrees: float = 1e-3) -> Surface:
    """A disk whose boundary edges carry almost flat triangles outside."""
    base = disk(8)
    loop = base.boundary_loops[0]
    a, b = base.vertices[loop], base.vertices[np.roll(loop, -1)]
    normal = np.stack([(b - a)[:, 1], -(b - a)[:, 0], 0 * a[:, 0]], axis=1)
    tips = 0.5 * (a + b) + 0.5 * np.radians(degrees) * normal
    new = len(base.vertices) + np.arange(len(loop))
    added = np.stack([np.roll(loop, -1), loop, new], axis=1)
    return Surface(np.concatenate([base.vertices, tips]), np.concatenate([base.faces, added]))


def squeezed(factor: float = 2e-5) -> Surface:
    """A relief squeezed in one direction: all faces are slivers."""
    base = relief(14)
    return base.with_vertices(base.vertices * [1.0, factor, 1e-3])


def sheared(shear: float = 1000.0) -> Surface:
    """A rectangle with all faces sheared far from Delaunay."""
    base = grid(30, 30)
    x, y, z = base.vertices.T
    return base.with_vertices(np.stack([x + shear * y, y, z], axis=1))


def star(spikes: int = 60, length: float = 50.0, steps: int = 6) -> Surface:
    """A disk with long thin spikes on its boundary, each a strip that tapers."""
    base = disk(10)
    loop = base.boundary_loops[0]
    middle = base.vertices[loop]
    vertices, faces, total = [base.vertices], [base.faces], len(base.vertices)
    for i in range(0, len(loop), max(1, len(loop) // spikes)):
        left, right = loop[i], loop[(i + 1) % len(loop)]
        p, q = middle[i], middle[(i + 1) % len(loop)]
        outward = (p + q) / np.linalg.norm(p + q)
        for k in range(1, steps):
            t = k / steps
            pair = np.stack([p, q]) * (1 - t) + 0.5 * (p + q) * t + length * t * outward
            a, b = total, total + 1
            vertices.append(pair)
            faces.append(np.array([[right, left, a], [right, a, b]]))
            left, right, total = a, b, total + 2
        vertices.append((0.5 * (p + q) + length * outward)[None])
        faces.append(np.array([[right, left, total]]))
        total += 1
    return Surface(np.concatenate(vertices), np.concatenate(faces))


def maze(length: int = 300, width: int = 2) -> Surface:
    """A strip `length` times longer than one cell, folded to and fro in the plane like a maze."""
    base = grid(length, width, float(length), float(width))
    x, y, _ = base.vertices.T
    lane, within = np.divmod(x, 30.0)
    forth = np.where(lane % 2 == 0, within, 30.0 - within)
    bend = np.clip(np.minimum(within, 30.0 - within), 0.0, 3.0)
    return base.with_vertices(np.stack([forth, 10.0 * lane + y * (bend + 1) / 4, within], axis=1))


def fan(count: int = 200, radius: float = 1.0) -> Surface:
    """One interior vertex of valence `count`."""
    angle = 2 * np.pi * np.arange(count) / count
    rim = radius * np.stack([np.cos(angle), np.sin(angle), 0.3 * np.sin(3 * angle)], axis=1)
    i = np.arange(count)
    return Surface(np.concatenate([[[0, 0, 0]], rim]), np.stack([0 * i, 1 + i, 1 + (i + 1) % count], axis=1))


def hub(count: int = 200, rings: int = 5) -> Surface:
    """A vertex of valence `count` inside rings of quads."""
    inner = fan(count)
    rim = inner.vertices[1:]
    vertices = [inner.vertices] + [rim * (1 + 0.03 * k) for k in range(1, rings + 1)]
    i = np.arange(count)
    faces = [inner.faces]
    for k in range(rings):
        a, b = 1 + k * count + i, 1 + k * count + (i + 1) % count
        faces += [np.stack([a, a + count, b + count], axis=1), np.stack([a, b + count, b], axis=1)]
    return Surface(np.concatenate(vertices), np.concatenate(faces))


def polygon_fan(count: int = 40) -> Surface:
    """A flat regular polygon triangulated from one corner: no interior vertex."""
    angle = 2 * np.pi * np.arange(count) / count
    i = np.arange(1, count - 1)
    vertices = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    return Surface(vertices, np.stack([0 * i, i, i + 1], axis=1))


def stacked(depth: int = 7) -> Surface:
    """A triangle split in three again and again: valence-3 vertices and ever worse angles."""
    surface = triangle()
    for _ in range(depth):
        count = len(surface.faces)
        surface = insert(surface, np.arange(count), np.full((count, 3), 1 / 3))
    return surface


def graded(ratio: float = 1e6, around: int = 24, rings: int = 60) -> Surface:
    """A flat disk with edge lengths in geometric progression toward its center."""
    radius = ratio ** (-np.arange(rings)[::-1] / (rings - 1))
    angle = 2 * np.pi * np.arange(around) / around
    points = [[r * np.cos(t + 0.5 * k), r * np.sin(t + 0.5 * k), 0] for k, r in enumerate(radius) for t in angle]
    i = np.arange(around)
    faces = [np.stack([0 * i, 1 + i, 1 + (i + 1) % around], axis=1)]
    for k in range(rings - 1):
        a, b = 1 + k * around + i, 1 + k * around + (i + 1) % around
        faces += [np.stack([a, a + around, b + around], axis=1), np.stack([a, b + around, b], axis=1)]
    return Surface(np.concatenate([[[0, 0, 0]], points]), np.concatenate(faces))


def graded_edge(ratio: float = 1e6, columns: int = 40, rows: int = 25) -> Surface:
    """A rectangle whose cells shrink geometrically toward one side, with edges of 1 and of 1 / ratio."""
    base = grid(columns, rows)
    x, y, z = base.vertices.T
    return base.with_vertices(np.stack([x * columns, ratio ** (y - 1) * rows, z], axis=1))


def crumpled(subdivisions: int = 3, seed: int = 0) -> Surface:
    """A sphere's connectivity on random points, without one face: no angle means anything."""
    base = icosphere(subdivisions)
    points = np.random.default_rng(seed).normal(size=base.vertices.shape)
    return Surface(points, base.faces[1:])


def punctured(subdivisions: int = 3) -> Surface:
    """A sphere without one face: a boundary of three edges."""
    base = icosphere(subdivisions)
    return Surface(base.vertices, base.faces[:-1])


def finger(length: float = 12.0, around: int = 12, capped: bool = False) -> Surface:
    """A long tube with a round end; open at the other, or closed there by a round end too."""
    rings = int(length * around / (2 * np.pi)) + 1
    angle = 2 * np.pi * np.arange(around) / around
    points = []
    for k in range(rings + 1):
        turned = angle + np.pi * (k % 2) / around
        points += [[np.cos(t), np.sin(t), length * k / rings] for t in turned]
    i = np.arange(around)
    faces = []
    for k in range(rings):
        a, b = k * around + i, k * around + (i + 1) % around
        c, d = (k + 1) * around + i, (k + 1) * around + (i + 1) % around
        if k % 2 == 0:
            faces += [np.stack([a, b, c], axis=1), np.stack([b, d, c], axis=1)]
        else:
            faces += [np.stack([a, b, d], axis=1), np.stack([a, d, c], axis=1)]
    tip, top = len(points), rings * around
    points.append([0, 0, length + 0.6])
    faces.append(np.stack([top + i, top + (i + 1) % around, 0 * i + tip], axis=1))
    if capped:
        points.append([0, 0, -0.6])
        faces.append(np.stack([(i + 1) % around, i, 0 * i + tip + 1], axis=1))
    return Surface(points, np.concatenate(faces))


def pillow(rings: int = 10, thickness: float = 1e-3) -> Surface:
    """A disk doubled to a flat closed surface."""
    top = disk(rings)
    loop = top.boundary_loops[0]
    inner = np.setdiff1d(np.arange(len(top.vertices)), loop)
    lift = thickness * (1 - (top.vertices**2).sum(axis=1))
    below = np.arange(len(top.vertices))
    below[inner] = len(top.vertices) + np.arange(len(inner))
    up, down = top.vertices + np.outer(lift, [0, 0, 1]), top.vertices[inner] - np.outer(lift[inner], [0, 0, 1])
    return Surface(np.concatenate([up, down]), np.concatenate([top.faces, below[top.faces][:, ::-1]]))


def closed_needles(degrees: float = 1e-3) -> Surface:
    """A sphere with needles and caps at every fourth face."""
    base = icosphere(3)
    tiny = np.radians(degrees)
    first, second = np.arange(0, len(base.faces), 4), np.arange(0, len(base.faces), 5)
    once = insert(base, first, np.tile([1 - 2 * tiny, tiny, tiny], (len(first), 1)))
    return insert(once, second, np.tile([0.5, 0.5 - tiny, tiny], (len(second), 1)))


def crumpled_closed(seed: int = 1) -> Surface:
    """A sphere's connectivity on random points."""
    base = icosphere(3)
    return base.with_vertices(np.random.default_rng(seed).normal(size=base.vertices.shape))


CASES = {
    "needles 1e-3": needles,
    "needles 5e-4": lambda: needles(5e-4, 1),
    "caps 1e-3": caps,
    "caps 5e-4": lambda: caps(5e-4, 1),
    "boundary caps": boundary_caps,
    "squeezed": squeezed,
    "sheared": sheared,
    "star": star,
    "long star": lambda: star(20, 1000.0, 40),
    "maze": maze,
    "wide maze": lambda: maze(600, 6),
    "maze of one cell": lambda: maze(300, 1),
    "three edges": punctured,
    "finger of three edges": lambda: Surface(finger(8.0, 3).vertices, finger(8.0, 3).faces),
    "open finger": finger,
    "one interior vertex": lambda: fan(5),
    "valence 200": fan,
    "hub": hub,
    "triangle": triangle,
    "polygon fan": polygon_fan,
    "valence 3": stacked,
    "graded": graded,
    "graded edge": graded_edge,
    "crumpled": crumpled,
    "tetrahedron": tetrahedron,
    "octahedron": octahedron,
    "closed finger": lambda: finger(12.0, 12, capped=True),
    "pillow": pillow,
    "closed needles": closed_needles,
    "crumpled, closed": crumpled_closed,
}
