"""Small meshes of known shape for the tests, as plain functions: ``from shapes import disk``.

Every function returns a `Surface` with counter-clockwise faces (outward normals where there is an outside), or a
`Solid` with tetrahedra of positive volume, unless its name says that something is wrong with it.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from meshot.base.arrays import cross2
from meshot.meshes.solid import Solid, signed_volumes
from meshot.meshes.surface import Surface

# ---------------------------------------------------------------------------------------------------------------------
# points and rotations


def scattered(n: int, seed: int = 0) -> np.ndarray:
    points = np.random.default_rng(seed).normal(size=(n, 3))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def rotation(seed: int) -> np.ndarray:
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    return turn * np.linalg.det(turn)


def plane_areas(faces: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Areas of triangles of the plane, negative where they turn clockwise."""
    a, b, c = uv[faces].transpose(1, 0, 2)
    return 0.5 * cross2(b - a, c - a)


# ---------------------------------------------------------------------------------------------------------------------
# open surfaces with one boundary loop


def triangle() -> Surface:
    """One right triangle of area 1/2."""
    return Surface([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])


def disk(rings: int = 8, radius: float = 1.0) -> Surface:
    """A flat disk in z = 0: vertex 0 in the middle, 6k vertices on ring k, 6 rings^2 faces, the boundary last."""
    vertices = [np.zeros((1, 3))]
    for k in range(1, rings + 1):
        angle = 2 * np.pi * np.arange(6 * k) / (6 * k)
        vertices.append(radius * k / rings * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1))
    return Surface(np.concatenate(vertices), _ring_faces(rings))


def _ring_faces(rings: int) -> np.ndarray:
    faces = []
    for k in range(1, rings + 1):
        inner, outer = 1 + 3 * (k - 1) * (k - 2) if k > 1 else 0, 1 + 3 * k * (k - 1)
        inner_count, outer_count = max(6 * (k - 1), 1), 6 * k
        for side in range(6):
            for i in range(k):
                a = inner + (side * (k - 1) + i) % inner_count
                b, c = outer + side * k + i, outer + (side * k + i + 1) % outer_count
                faces.append((a, b, c))
                if i < k - 1:
                    faces.append((a, c, inner + (side * (k - 1) + i + 1) % inner_count))
    return np.array(faces)


def cap(rings: int = 8, angle: float = np.pi / 2, radius: float = 1.0) -> Surface:
    """A cap of a sphere around the north pole, open to polar angle `angle`; connectivity of `disk`."""
    flat = disk(rings)
    rho, phi = np.hypot(*flat.vertices.T[:2]), np.arctan2(flat.vertices[:, 1], flat.vertices[:, 0])
    theta = angle * rho
    points = [np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)]
    return flat.with_vertices(radius * np.stack(points, axis=1))


def relief(rings: int = 10, height: float = 0.5, seed: int = 0) -> Surface:
    """A disk lifted by a few smooth bumps: an open surface without symmetry."""
    rng = np.random.default_rng(seed)
    flat = disk(rings)
    vertices = flat.vertices.copy()
    for center, size in zip(rng.uniform(-0.6, 0.6, (5, 2)), rng.uniform(-1, 1, 5), strict=True):
        vertices[:, 2] += height * size * np.exp(-((vertices[:, :2] - center) ** 2).sum(axis=1) / 0.08)
    return flat.with_vertices(vertices)


def grid(nx: int = 6, ny: int = 6, width: float = 1.0, height: float = 1.0) -> Surface:
    """A flat rectangle of nx by ny cells, two triangles each; vertex (i, j) has index i + j (nx + 1)."""
    x, y = np.meshgrid(np.linspace(0, width, nx + 1), np.linspace(0, height, ny + 1))
    vertices = np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], axis=1)
    corner = (np.arange(nx) + (nx + 1) * np.arange(ny)[:, None]).ravel()
    right, up, both = corner + 1, corner + nx + 1, corner + nx + 2
    faces = np.stack([np.stack([corner, right, both], axis=1), np.stack([corner, both, up], axis=1)], axis=1)
    return Surface(vertices, faces.reshape(-1, 3))


# ---------------------------------------------------------------------------------------------------------------------
# closed surfaces of genus zero


def tetrahedron() -> Surface:
    """A regular tetrahedron with edges of length 2 sqrt 2."""
    return Surface(
        [[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]],
        [[0, 1, 2], [0, 2, 3], [0, 3, 1], [1, 3, 2]],
    )


def octahedron() -> Surface:
    """The regular octahedron with corners on the axes at distance 1."""
    vertices = [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]]
    upper = [[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4]]
    return Surface(vertices, upper + [[b, a, 5] for a, b, _ in upper])


def icosphere(subdivisions: int = 3, radius: float = 1.0) -> Surface:
    """A sphere of 20 * 4^subdivisions faces: the icosahedron, each face cut in four and pushed out."""
    golden = (1 + 5**0.5) / 2
    vertices = np.array([[s, t * golden, 0] for s in (-1, 1) for t in (-1, 1)], dtype=float)
    vertices = np.concatenate([np.roll(vertices, k, axis=1) for k in range(3)])
    distance = np.linalg.norm(vertices[:, None] - vertices[None], axis=2)
    near = np.abs(distance - 2) < 0.1
    triples = [
        (a, b, c) for a in range(12) for b in range(a) for c in range(b) if near[a, b] and near[b, c] and near[a, c]
    ]
    faces = np.array([t if np.linalg.det(vertices[list(t)]) > 0 else t[::-1] for t in triples])
    for _ in range(subdivisions):
        vertices, faces = _split_in_four(vertices, faces)
    return Surface(radius * vertices / np.linalg.norm(vertices, axis=1, keepdims=True), faces)


def _split_in_four(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    sides = np.sort(np.stack([faces, np.roll(faces, -1, axis=1)], axis=2).reshape(-1, 2), axis=1)
    edges, which = np.unique(sides, axis=0, return_inverse=True)
    middle = which.reshape(-1, 3) + len(vertices)
    middles = vertices[edges].mean(axis=1)
    middles *= np.linalg.norm(vertices[0]) / np.linalg.norm(middles, axis=1, keepdims=True)
    a, b, c = faces.T
    ab, bc, ca = middle.T
    parts = [[a, ab, ca], [ab, b, bc], [ca, bc, c], [ab, bc, ca]]
    return np.concatenate([vertices, middles]), np.array(parts).transpose(2, 0, 1).reshape(-1, 3)


def bumpy_sphere(subdivisions: int = 3, amplitude: float = 0.3) -> Surface:
    """A sphere with r = 1 + amplitude * (a polynomial of low degree): closed, without symmetry."""
    round_one = icosphere(subdivisions)
    x, y, z = round_one.vertices.T
    return round_one.with_vertices(round_one.vertices * (1 + amplitude * (3 * x * y * z + x**3 - 0.5 * y * z))[:, None])


# ---------------------------------------------------------------------------------------------------------------------
# surfaces of another topology


def glove(length: float = 3.0, fingers: int = 5, subdivisions: int = 4) -> Surface:
    """A sphere drawn out into long fingers: the conformal map of the disk all but loses faces on them."""
    ball = icosphere(subdivisions)
    turns, root = 2 * np.pi * np.arange(fingers) / fingers, 0.45
    axes = np.stack([np.cos(turns), np.sin(turns), np.full(fingers, 0.6)], axis=1) / np.sqrt(1.36)
    cosines = ball.vertices @ axes.T
    angles = np.arccos(np.clip(cosines.max(axis=1), -1, 1)) / root
    inside = angles < 1
    axis, along = axes[cosines.argmax(axis=1)[inside]], cosines.max(axis=1)[inside, None]
    side = ball.vertices[inside] - along * axis
    side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-12)
    width = np.sin(root) * np.minimum(1, 2.5 * angles[inside, None]) ** 0.7
    vertices = ball.vertices.copy()
    vertices[inside] = (np.cos(root) + length * (1 - angles[inside, None])) * axis + width * side
    return Surface(vertices, ball.faces)


def _strip(nu: int, nv: int, wrap_u: bool, wrap_v: bool) -> np.ndarray:
    """Faces of an nu by nv grid of vertices, index i + j nu, closed up where asked."""
    i, j = np.meshgrid(np.arange(nu if wrap_u else nu - 1), np.arange(nv if wrap_v else nv - 1))
    i, j = i.ravel(), j.ravel()
    here, right = i + j * nu, (i + 1) % nu + j * nu
    up, both = i + (j + 1) % nv * nu, (i + 1) % nu + (j + 1) % nv * nu
    faces = np.stack([np.stack([here, right, both], axis=1), np.stack([here, both, up], axis=1)], axis=1)
    return faces.reshape(-1, 3)


def torus(nu: int = 12, nv: int = 8, tube: float = 0.4) -> Surface:
    """A closed surface of genus 1."""
    v, u = np.divmod(np.arange(nu * nv), nu)
    u, v = 2 * np.pi * u / nu, 2 * np.pi * v / nv
    ring = 1 + tube * np.cos(v)
    return Surface(np.stack([ring * np.cos(u), ring * np.sin(u), tube * np.sin(v)], axis=1), _strip(nu, nv, True, True))


def cylinder(around: int = 12, along: int = 4, height: float = 1.0) -> Surface:
    """An open tube: two boundary loops, `around` vertices each."""
    j, i = np.divmod(np.arange(around * (along + 1)), around)
    angle = 2 * np.pi * i / around
    vertices = np.stack([np.cos(angle), np.sin(angle), height * j / along], axis=1)
    return Surface(vertices, _strip(around, along + 1, True, False))


def annulus(around: int = 12, along: int = 3, inner: float = 0.5) -> Surface:
    """A flat disk with a round hole in the middle: two boundary loops."""
    tube = cylinder(around, along)
    radius = 1 - (1 - inner) * tube.vertices[:, 2]
    x, y = radius * tube.vertices.T[:2]
    return tube.with_vertices(np.stack([x, y, 0 * x], axis=1))


def holed_torus(nu: int = 12, nv: int = 8) -> Surface:
    """A torus without its face 0: genus 1 and one boundary loop, as many loops as a disk."""
    whole = torus(nu, nv)
    return whole.with_faces(whole.faces[1:])


def moebius(around: int = 12, across: int = 2) -> Surface:
    """A Moebius strip: one boundary loop, no orientation."""
    faces = [f for j in range(across) for i in range(around) for f in _twisted(i, j, around, across)]
    i, j = np.divmod(np.arange(around * (across + 1)), across + 1)
    u, t = 2 * np.pi * i / around, 0.6 * (j / across - 0.5)
    ring = 1 + t * np.cos(u / 2)
    return Surface(np.stack([ring * np.cos(u), ring * np.sin(u), t * np.sin(u / 2)], axis=1), faces)


def _twisted(i: int, j: int, around: int, across: int) -> list[list[int]]:
    def at(i: int, j: int) -> int:
        return i * (across + 1) + j if i < around else across - j

    return [[at(i, j), at(i + 1, j), at(i + 1, j + 1)], [at(i, j), at(i + 1, j + 1), at(i, j + 1)]]


def klein_bottle(nu: int = 12, nv: int = 8) -> Surface:
    """A closed surface without orientation (the figure-8 immersion)."""

    def at(i: int, j: int) -> int:
        return (i * nv + j % nv) if i < nu else (-j) % nv

    faces = []
    for i in range(nu):
        for j in range(nv):
            faces += [[at(i, j), at(i + 1, j), at(i + 1, j + 1)], [at(i, j), at(i + 1, j + 1), at(i, j + 1)]]
    i, j = np.divmod(np.arange(nu * nv), nv)
    u, v = 2 * np.pi * i / nu, 2 * np.pi * j / nv
    ring = 3 + np.cos(u / 2) * np.sin(v) - np.sin(u / 2) * np.sin(2 * v)
    lift = np.sin(u / 2) * np.sin(v) + np.cos(u / 2) * np.sin(2 * v)
    return Surface(np.stack([ring * np.cos(u), ring * np.sin(u), lift], axis=1), faces)


# ---------------------------------------------------------------------------------------------------------------------
# broken ones


def book(pages: int = 3) -> Surface:
    """Triangles that share the edge (0, 1): not a manifold for three pages or more."""
    angle = 2 * np.pi * np.arange(pages) / pages
    spread = np.stack([np.cos(angle), np.sin(angle), 0.5 + 0 * angle], axis=1)
    return Surface(np.concatenate([[[0, 0, 0], [0, 0, 1]], spread]), [[0, 1, 2 + k] for k in range(pages)])


def bowtie() -> Surface:
    """Two triangles that share vertex 0 alone."""
    return Surface([[0, 0, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0], [-1, -1, 0]], [[0, 1, 2], [0, 3, 4]])


def join(*surfaces: Surface) -> Surface:
    """The surfaces side by side (2.5 apart along x) as one mesh with several components."""
    shift = np.cumsum([0] + [len(s.vertices) for s in surfaces])
    vertices = [s.vertices + np.array([2.5 * k, 0, 0]) for k, s in enumerate(surfaces)]
    return Surface(
        np.concatenate(vertices), np.concatenate([s.faces + k for s, k in zip(surfaces, shift, strict=False)])
    )


# ---------------------------------------------------------------------------------------------------------------------
# solids


def one_tetrahedron() -> Solid:
    """The corner of the unit cube, of volume 1/6."""
    return Solid([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 1, 2, 3]])


def ball_solid(levels: int = 2, radius: float = 1.0) -> Solid:
    """A ball of 20 * 8^levels tetrahedra: an icosahedron cut in 20 around vertex 0, each in eight, and rounded."""
    hull = icosphere(0)
    vertices = np.concatenate([np.zeros((1, 3)), hull.vertices])
    tetrahedra = np.column_stack([np.zeros(20, dtype=int), hull.faces + 1])
    for _ in range(levels):
        vertices, tetrahedra = _split_in_eight(vertices, tetrahedra)
    normals = hull.face_normals
    height = (vertices @ normals.T).max(axis=1) / (hull.vertices[hull.faces[0, 0]] @ normals[0])
    length = np.linalg.norm(vertices, axis=1)
    scale = np.divide(height, length, out=np.zeros_like(length), where=length > 0)
    return _positive(radius * scale[:, None] * vertices, tetrahedra)


def _split_in_eight(vertices: np.ndarray, tetrahedra: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pairs = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    sides = np.sort(tetrahedra[:, pairs].reshape(-1, 2), axis=1)
    edges, which = np.unique(sides, axis=0, return_inverse=True)
    ab, ac, ad, bc, bd, cd = which.reshape(-1, 6).T + len(vertices)
    a, b, c, d = tetrahedra.T
    # In this order of their corners (Bey 1995), further cuts give no flatter shapes.
    corners = [[a, ab, ac, ad], [ab, b, bc, bd], [ac, bc, c, cd], [ad, bd, cd, d]]
    inside = [[ab, ac, ad, bd], [ab, ac, bc, bd], [ac, ad, bd, cd], [ac, bc, bd, cd]]
    cut = np.array(corners + inside).transpose(2, 0, 1).reshape(-1, 4)
    return np.concatenate([vertices, vertices[edges].mean(axis=1)]), cut


def box_solid(nx: int = 3, ny: int = 3, nz: int = 3, size: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Solid:
    """A box from the origin to `size`: nx by ny by nz cells of six tetrahedra each (Kuhn), x running fastest."""
    z, y, x = np.meshgrid(
        *(np.linspace(0, s, n + 1) for s, n in zip(size[::-1], (nz, ny, nx), strict=True)), indexing="ij"
    )
    return _positive(np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1), _kuhn(nx, ny, nz))


def _kuhn(nx: int, ny: int, nz: int, *, ring: bool = False) -> np.ndarray:
    """Six tetrahedra in each of nx by ny by nz cells; in a ring, the last cells along x join the first."""
    columns = nx if ring else nx + 1
    k, j, i = np.meshgrid(np.arange(nz), np.arange(ny), np.arange(nx), indexing="ij")

    def at(di: int, dj: int, dk: int) -> np.ndarray:
        return (((k + dk) * (ny + 1) + j + dj) * columns + (i + di) % columns).ravel()

    paths = []
    for turn in ([0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 2, 1], [2, 1, 0], [1, 0, 2]):
        steps = np.cumsum(np.eye(3, dtype=int)[turn], axis=0)
        paths.append(np.stack([at(0, 0, 0), *(at(*step) for step in steps)], axis=1))
    return np.stack(paths, axis=1).reshape(-1, 4)


def solid_torus(around: int = 16, across: int = 3, tube: float = 0.4) -> Solid:
    """A ring of square section: one boundary of genus 1."""
    rows = np.linspace(-tube, tube, across + 1)
    z, y, turn = np.meshgrid(rows, rows, 2 * np.pi * np.arange(around) / around, indexing="ij")
    ring = 1 + y.ravel()
    vertices = np.stack([ring * np.cos(turn.ravel()), ring * np.sin(turn.ravel()), z.ravel()], axis=1)
    return _positive(vertices, _kuhn(around, across, across, ring=True))


def hollow_ball(subdivisions: int = 1, layers: int = 2, inner: float = 0.5) -> Solid:
    """A ball with a round cavity: two boundary components of genus 0."""
    shell = icosphere(subdivisions)
    count, faces = len(shell.vertices), np.sort(shell.faces, axis=1)  # sorted, so that neighboring prisms fit
    radii = np.linspace(inner, 1, layers + 1)
    a, b, c = np.concatenate([faces + k * count for k in range(layers)]).T
    prisms = [[a, b, c, c + count], [a, b, b + count, c + count], [a, a + count, b + count, c + count]]
    vertices = (radii[:, None, None] * shell.vertices).reshape(-1, 3)
    return _positive(vertices, np.array(prisms).transpose(2, 0, 1).reshape(-1, 4))


def join_solids(*solids: Solid) -> Solid:
    """The solids side by side (2.5 apart along x) as one mesh with several components."""
    shift = np.cumsum([0] + [len(s.vertices) for s in solids])
    vertices = [s.vertices + np.array([2.5 * k, 0, 0]) for k, s in enumerate(solids)]
    parts = [s.tetrahedra + k for s, k in zip(solids, shift, strict=False)]
    return Solid(np.concatenate(vertices), np.concatenate(parts))


def dumbbell_solid(levels: int = 3) -> Solid:
    """A ball drawn in about its waist and out along x: genus zero, not convex."""
    ball = ball_solid(levels)
    x, y, z = ball.vertices.T
    waist = 1 - 0.55 * np.exp(-((x / 0.5) ** 2))
    return ball.with_vertices(np.stack([1.8 * x, waist * y, waist * z], axis=1))


def _positive(vertices: np.ndarray, tetrahedra: np.ndarray) -> Solid:
    """Return the solid with the last two corners of each inverted tetrahedron swapped."""
    inverted = signed_volumes(vertices, tetrahedra) < 0
    tetrahedra[inverted] = tetrahedra[inverted][:, [0, 1, 3, 2]]
    return Solid(vertices, tetrahedra)


# ---------------------------------------------------------------------------------------------------------------------
# real ones, out of packages of the test extra


@cache
def read_brain(name: str) -> Surface:
    """Surface `name` ("pial_left", "infl_right", "flat_left", ...) of fsaverage5, from the wheel of nilearn."""
    import nibabel

    spec = find_spec("nilearn")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent / "datasets" / "data" / "fsaverage5" / f"{name}.gii.gz"
    vertices, faces = nibabel.load(path).agg_data()
    return Surface(vertices, faces)
