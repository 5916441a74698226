"""Make the demo meshes of this folder: ``python data/make.py [FOLDER]``.

Each is a signed distance field of smoothly blended solids, or a closed formula, meshed here with numpy and scipy alone.
Coordinates are rounded to five digits, so that every run writes the same bytes.

The blends are those of I. Quilez, "Smooth minimum" (2013); the mesher is S. Gibson's "Constrained elastic surface nets"
(1998) with relaxation along the surface; the points of the face are relaxed by S. Lloyd's method (1982).
"""

import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_matrix, diags, eye
from scipy.sparse.linalg import splu
from scipy.spatial import Delaunay, cKDTree

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Field = Callable[[Floats], Floats]
Mesh = tuple[Floats, Ints]

# ---------------------------------------------------------------------------------------------------------------------
# solids: negative inside, points (..., 3)


def blend(a: Floats, b: Floats, width: float) -> Floats:
    """Unite two solids with a fillet."""
    mix = np.clip(0.5 + 0.5 * (b - a) / width, 0, 1)
    return b + (a - b) * mix - width * mix * (1 - mix)


def carve(a: Floats, b: Floats, width: float) -> Floats:
    """Take the second solid out of the first, with a rounded rim."""
    return -blend(-a, b, width)


def ball(p: Floats, center: ArrayLike, radii: ArrayLike) -> Floats:
    """Return an ellipsoid along the axes; the distance is exact to first order at its surface."""
    r = np.broadcast_to(np.asarray(radii, dtype=float), (3,))
    q = (p - np.asarray(center)) / r
    length = np.sqrt((q**2).sum(axis=-1))
    return length * (length - 1) / np.maximum(np.sqrt(((q / r) ** 2).sum(axis=-1)), 1e-9)


def rod(p: Floats, a: ArrayLike, b: ArrayLike, radius_a: float, radius_b: float) -> Floats:
    """Return a rounded, tapered rod from a to b."""
    start, axis = np.asarray(a, dtype=float), np.subtract(b, a).astype(float)
    t = np.clip(((p - start) * axis).sum(axis=-1) / (axis**2).sum(), 0, 1)
    return np.sqrt(((p - start - t[..., None] * axis) ** 2).sum(axis=-1)) - (radius_a + (radius_b - radius_a) * t)


def mirrored(p: Floats, crease: float = 0.0) -> Floats:
    """Fold space at x = 0, so that a solid at positive x has a twin; the fold is rounded to the radius `crease`."""
    return np.concatenate([np.sqrt(p[..., :1] ** 2 + crease**2), p[..., 1:]], axis=-1)


def face_field(p: Floats) -> Floats:
    """Return a head that looks along z, without ears."""
    p = mirrored(p)
    head = blend(ball(p, (0, 0.36, -0.15), (0.735, 0.84, 0.93)), ball(p, (0, -0.36, 0.1), (0.60, 0.74, 0.60)), 0.34)
    head = blend(head, ball(p, (0, -0.86, 0.53), (0.17, 0.13, 0.13)), 0.22)  # chin
    head = blend(head, ball(p, (0.36, -0.16, 0.42), (0.20, 0.18, 0.20)), 0.30)  # cheek bones
    head = blend(head, rod(p, (0.10, 0.255, 0.70), (0.36, 0.275, 0.57), 0.07, 0.035), 0.18)  # brow
    head = carve(head, ball(p, (0.295, 0.085, 0.85), (0.20, 0.105, 0.16)), 0.14)  # eye sockets
    head = blend(head, rod(p, (0, -0.7, -0.15), (0, -1.7, -0.25), 0.40, 0.46), 0.22)  # neck
    return blend(_mouth(blend(head, _nose(p), 0.13), p), _eyes(p), 0.045)


def _nose(p: Floats) -> Floats:
    nose = blend(rod(p, (0, 0.2, 0.69), (0, -0.16, 0.91), 0.06, 0.075), ball(p, (0, -0.2, 0.91), 0.09), 0.08)
    nose = blend(nose, ball(p, (0.104, -0.232, 0.825), (0.064, 0.064, 0.1)), 0.09)
    return carve(nose, ball(p, (0.056, -0.305, 0.875), (0.03, 0.045, 0.045)), 0.03)


def _mouth(head: Floats, p: Floats) -> Floats:
    head = blend(head, ball(p, (0, -0.49, 0.65), (0.27, 0.20, 0.17)), 0.16)
    head = carve(head, rod(p, (0, -0.33, 0.875), (0, -0.41, 0.865), 0.018, 0.026), 0.05)  # philtrum
    upper = rod(p, (0, -0.478, 0.8), (0.055, -0.468, 0.804), 0.04, 0.045)
    upper = blend(upper, rod(p, (0.055, -0.468, 0.804), (0.215, -0.512, 0.69), 0.045, 0.012), 0.05)
    lower = rod(p, (0, -0.58, 0.785), (0.19, -0.54, 0.70), 0.066, 0.014)
    head = blend(blend(head, upper, 0.05), lower, 0.05)
    head = carve(head, rod(p, (0, -0.52, 0.868), (0.215, -0.52, 0.742), 0.014, 0.004), 0.045)
    return carve(head, ball(p, (0, -0.69, 0.8), (0.20, 0.045, 0.08)), 0.10)


def _eyes(p: Floats) -> Floats:
    center = np.array([0.295, 0.085, 0.61])
    x, y, z = np.moveaxis(p - center, -1, 0)
    almond = (z - 0.02) * (1 - (x / 0.17) ** 2)
    opening = np.maximum(y - 0.40 * almond, -y - 0.26 * almond)
    lids = carve(ball(p, center, (0.158, 0.142, 0.142)), opening, 0.02)
    return np.minimum(lids, ball(p, center, (0.14, 0.124, 0.124)))


def hare_field(p: Floats) -> Floats:
    """Return a sitting hare with long ears that looks along z."""
    q = mirrored(p)
    hare = blend(ball(q, (0, 0, -0.1), (0.50, 0.55, 0.62)), ball(q, (0, 0.18, 0.25), (0.35, 0.45, 0.34)), 0.25)
    hare = blend(hare, ball(q, (0.36, -0.2, -0.12), (0.23, 0.31, 0.37)), 0.07)  # haunches
    hare = blend(hare, ball(q, (0, -0.38, 0.1), (0.36, 0.20, 0.48)), 0.08)  # belly
    hare = blend(hare, rod(q, (0.38, -0.47, 0.05), (0.39, -0.49, 0.42), 0.12, 0.10), 0.08)  # hind feet
    hare = blend(hare, rod(q, (0.15, -0.02, 0.42), (0.14, -0.49, 0.56), 0.12, 0.09), 0.10)  # forelegs
    hare = blend(hare, ball(q, (0, -0.22, -0.74), 0.17), 0.05)  # scut
    head = blend(ball(q, (0, 0.8, 0.42), (0.29, 0.30, 0.34)), ball(q, (0.1, 0.7, 0.62), (0.15, 0.13, 0.15)), 0.12)
    head = blend(head, ball(q, (0, 0.745, 0.765), (0.045, 0.035, 0.035)), 0.05)  # nose
    head = carve(head, ball(q, (0.245, 0.85, 0.61), 0.07), 0.05)
    head = blend(head, ball(q, (0.205, 0.85, 0.585), 0.068), 0.03)  # eyes
    hare = blend(hare, head, 0.16)
    hare = blend(hare, _ear(p * [-1, 1, 1], lean=0.16, back=0.20), 0.06)
    return blend(hare, _ear(p, lean=0.42, back=0.34), 0.06)


def _ear(p: Floats, lean: float, back: float) -> Floats:
    """Return a long flat spoon on the right of the head, leaning to the side and to the back."""
    y = p[..., 1] - 0.98
    bent = np.stack([p[..., 0] - 0.13 - lean * y, y, p[..., 2] - 0.36 + back * y], axis=-1)
    spoon = ball(bent, (0, 0.42, 0), (0.155, 0.54, 0.095))
    return carve(spoon, ball(bent, (0, 0.46, 0.13), (0.115, 0.44, 0.11)), 0.05)


def dumbbell_field(p: Floats) -> Floats:
    """Return two balls of different size on a thin bar."""
    balls = np.minimum(ball(p, (-0.8, 0, 0), 0.5), ball(p, (0.85, 0, 0), 0.42))
    return blend(balls, rod(p, (-0.8, 0, 0), (0.85, 0, 0), 0.1, 0.1), 0.12)


def brain_field(p: Floats) -> Floats:
    """Return a smooth brain: two hemispheres with a cleft between them, temporal lobes, cerebellum."""
    q = mirrored(p, 0.05)
    brain = ball(q, (0.08, 0.06, 0), (0.58, 0.58, 0.94))
    brain = carve(brain, ball(q, (0, 0.62, 0), (0.105, 0.52, 1.2)), 0.12)
    brain = blend(brain, rod(q, (0.40, -0.27, -0.15), (0.38, -0.30, 0.42), 0.20, 0.16), 0.06)
    return blend(brain, ball(q, (0.19, -0.40, -0.52), (0.25, 0.17, 0.26)), 0.04)


def slope(field: Field, p: Floats, step: float = 1e-4) -> Floats:
    """Return the gradient of a field by central differences."""
    return np.stack([(field(p + e) - field(p - e)) / (2 * step) for e in step * np.eye(3)], axis=-1)


# ---------------------------------------------------------------------------------------------------------------------
# closed meshes: surface nets


def closed_mesh(field: Field, lower: ArrayLike, upper: ArrayLike, spacing: float) -> Mesh:
    """Mesh the surface of a solid with triangles of about the given edge length."""
    start = np.asarray(lower) - 0.37 * spacing
    axes = [np.arange(a, b + spacing, spacing) for a, b in zip(start, np.asarray(upper), strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    values = np.stack([field(slab) for slab in grid])
    vertices, quads = surface_net(values)
    vertices = relax(start + spacing * vertices, quads, field)
    a, b, c, d = (vertices[quads[:, k]] for k in range(4))
    first = ((a - c) ** 2).sum(axis=1) < ((b - d) ** 2).sum(axis=1)
    split = np.where(first[:, None], quads[:, [0, 1, 2, 0, 2, 3]], quads[:, [0, 1, 3, 1, 2, 3]])
    return vertices, split.reshape(-1, 3)


def surface_net(values: Floats) -> tuple[Floats, Ints]:
    """Put one vertex in each cell that the surface crosses, one quad around each grid edge that it crosses."""
    inside = values < 0
    corners = np.array(list(product((0, 1), repeat=3)))
    shape = np.array(values.shape) - 1
    part = {tuple(o): tuple(slice(k, k + n) for k, n in zip(o, shape, strict=True)) for o in corners.tolist()}
    count = sum(inside[s].astype(int) for s in part.values())
    cells = np.argwhere((count > 0) & (count < 8))
    number = np.full(shape, -1)
    number[tuple(cells.T)] = np.arange(len(cells))
    total, crossings = np.zeros((len(cells), 3)), np.zeros(len(cells))
    for a, axis in product(corners, range(3)):
        if a[axis] == 0:
            b = a + np.eye(3, dtype=int)[axis]
            u, v = values[tuple((cells + a).T)], values[tuple((cells + b).T)]
            crossed = (u < 0) != (v < 0)
            t = np.where(crossed, u / np.where(crossed, u - v, 1), 0)
            total += crossed[:, None] * (a + t[:, None] * (b - a))
            crossings += crossed
    quads = [_quads_across(inside, number, axis) for axis in range(3)]
    return cells + total / crossings[:, None], np.concatenate(quads)


def _quads_across(inside: NDArray[np.bool_], number: Ints, axis: int) -> Ints:
    """Return the quads around the grid edges along one axis, turned outwards."""
    ahead = np.eye(3, dtype=int)[axis]
    u, v = np.eye(3, dtype=int)[(axis + 1) % 3], np.eye(3, dtype=int)[(axis + 2) % 3]
    edges = np.argwhere(np.diff(inside.astype(int), axis=axis) != 0)
    around = np.stack([number[tuple((edges - step).T)] for step in (u + v, v, 0 * u, u)], axis=1)
    leaving = inside[tuple(edges.T)] & ~inside[tuple((edges + ahead).T)]
    return np.where(leaving[:, None], around, around[:, ::-1])


def relax(vertices: Floats, quads: Ints, field: Field, rounds: int = 12) -> Floats:
    """Even out the mesh along the surface, and put every vertex on it."""
    tail, head = quads.ravel(), np.roll(quads, -1, axis=1).ravel()
    around = coo_matrix((np.ones(len(tail)), (tail, head)), shape=(len(vertices),) * 2).tocsr()
    degree = np.bincount(tail, minlength=len(vertices))[:, None]
    for _ in range(rounds):
        vertices = vertices + 0.6 * (around @ vertices / degree - vertices)
        gradient = slope(field, vertices)
        height = field(vertices) / np.maximum((gradient**2).sum(axis=1), 0.2)
        vertices = vertices - np.clip(height, -0.02, 0.02)[:, None] * gradient
    return vertices


def brain_mesh() -> Mesh:
    """Furrow the smooth brain along the stripes of a pattern."""
    vertices, faces = closed_mesh(brain_field, (-0.9, -0.8, -1.1), (0.9, 0.8, 1.1), 0.024)
    pattern = stripes(vertices, faces, 27.0)
    depth = 0.033 * (1 - np.tanh(1.5 * pattern + 0.7))
    return vertices - depth[:, None] * slope(brain_field, vertices), faces


def stripes(vertices: Floats, faces: Ints, wave_number: float, steps: int = 20) -> Floats:
    """Let random waves settle into winding stripes, by the equation of Swift and Hohenberg (1977)."""
    tail, head = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    size = (len(vertices), len(vertices))
    around = coo_matrix((np.ones(len(tail)), (tail, head)), shape=size).tocsr()
    length = coo_matrix((((vertices[tail] - vertices[head]) ** 2).sum(axis=1), (tail, head)), shape=size).tocsr()
    degree, squares = around.sum(axis=1).A1, length.sum(axis=1).A1
    laplacian = diags(4 / squares) @ (around - diags(degree))
    resonance = eye(size[0]) + laplacian / wave_number**2
    step = splu((eye(size[0]) + resonance @ resonance).tocsc())
    pattern = waves(vertices, wave_number)
    for _ in range(steps):
        pattern = step.solve(1.6 * pattern - pattern**3 / 3 * np.minimum(1, 3 / np.maximum(pattern**2, 1e-9)))
    return pattern


def waves(p: Floats, wave_number: float, count: int = 48) -> Floats:
    """Sum random waves of one length to a field of variance one (a Gaussian field in the limit)."""
    rng = np.random.default_rng(7)
    z, turn = 2 * rng.random(count) - 1, 2 * np.pi * rng.random(count)
    ring = np.sqrt(1 - z**2)
    directions = wave_number * np.stack([ring * np.cos(turn), ring * np.sin(turn), z])
    phases = 2 * np.pi * rng.random(count)
    total = np.zeros(p.shape[:-1])
    for direction, phase in zip(directions.T, phases, strict=True):
        total += np.cos((p * direction).sum(axis=-1) + phase)
    return total * np.sqrt(2 / count)


# ---------------------------------------------------------------------------------------------------------------------
# open meshes


def face_mesh(vertices: int = 13000, boundary: int = 300) -> Mesh:
    """Mesh the face as seen from a point in the head, with more and smaller triangles where it bends."""
    rng = np.random.default_rng(3)
    samples = _dense_points(16 * vertices, rng)
    angle = 2 * np.pi * np.arange(boundary) / boundary
    rim = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    inner = samples[: vertices - boundary]
    for _ in range(8):
        _, nearest = cKDTree(np.concatenate([inner, rim])).query(samples)
        weight = np.bincount(nearest, minlength=vertices)[: len(inner), None]
        sums = np.stack([np.bincount(nearest, samples[:, k], minlength=vertices) for k in range(2)], axis=1)
        inner = np.where(weight > 0, sums[: len(inner)] / np.maximum(weight, 1), inner)
    plane = np.round(np.concatenate([inner, rim]), 7)
    faces = Delaunay(plane).simplices.astype(np.int64)
    return lift_face(plane), faces


def lift_face(plane: Floats) -> Floats:
    """Send points of the unit disk out along rays, to where these leave the head."""
    across, up = np.radians(84) * plane[:, 0], np.radians(70) * plane[:, 1] + np.radians(7)
    theta, phi = np.hypot(across, up), np.arctan2(up, across)
    rays = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=1)
    center = np.array([0, -0.1, -0.1])
    reach = np.full(len(plane), 1.6)
    for _ in range(40):
        reach -= 0.7 * face_field(center + reach[:, None] * rays)
    return center + reach[:, None] * rays


def _dense_points(count: int, rng: np.random.Generator) -> Floats:
    """Random points of the unit disk, as dense as the face above them is large and bent."""
    n = 128
    side = (np.arange(n) + 0.5) * 2 / n - 1
    x, y = np.meshgrid(side, side, indexing="ij")
    lifted = lift_face(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(n, n, 3)
    along, across = np.gradient(lifted, axis=0), np.gradient(lifted, axis=1)
    normal = np.cross(along, across)
    area = np.linalg.norm(normal, axis=2)
    normal /= area[..., None]
    bend = np.sqrt((np.gradient(normal, axis=0) ** 2 + np.gradient(normal, axis=1) ** 2).sum(axis=2) / area)
    density = np.where(np.hypot(x, y) < 1 + 2 / n, area * (1 + np.minimum(bend / 4, 6)), 0).ravel()
    cell = np.searchsorted(np.cumsum(density) / density.sum(), rng.random(2 * count))
    points = np.stack([x.ravel()[cell], y.ravel()[cell]], axis=1) + (rng.random((2 * count, 2)) - 0.5) * 2 / n
    return points[np.hypot(*points.T) < 0.999][:count]


def cap_mesh(rings: int = 54) -> Mesh:
    """Mesh a round cloth that hangs over a ball and falls into folds: 6 rings^2 triangles."""
    ring = np.concatenate([np.full(max(6 * k, 1), k) for k in range(rings + 1)])
    place = np.concatenate([np.arange(max(6 * k, 1)) / max(6 * k, 1) for k in range(rings + 1)])
    rho = ring / rings
    phi = 2 * np.pi * place + 0.3 * rho  # the turn leaves no four points on one circle: one triangulation is right
    rise = np.clip((rho - 0.1) / 0.9, 0, 1) ** 1.5
    folds = np.sin(11 * phi + 4 * rho) + 0.7 * np.sin(17 * phi - 7 * rho + 1) + 0.4 * np.cos(5 * phi + 9 * rho)
    theta = 1.7 * rho + 0.05 * rise * np.sin(8 * phi + 2) * np.sin(8 * rho)
    radius = 1 + 0.10 * rise * folds + 0.03 * np.sin(3 * phi + 14 * rho) * rise
    x, y, z = np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)
    plane = np.stack([rho * np.cos(phi), rho * np.sin(phi)], axis=1)
    faces = Delaunay(np.round(plane, 7)).simplices.astype(np.int64)
    return radius[:, None] * np.stack([x, y, z], axis=1), faces


# ---------------------------------------------------------------------------------------------------------------------
# files


def write_obj(path: Path, vertices: Floats, faces: Ints) -> None:
    """Write an OBJ with five decimals."""
    lines = [f"v {x:.5f} {y:.5f} {z:.5f}\n" for x, y, z in (np.round(vertices, 5) + 0.0).tolist()]
    lines += [f"f {a} {b} {c}\n" for a, b, c in (faces + 1).tolist()]
    path.write_text("".join(lines))


def write_ply(path: Path, vertices: Floats, faces: Ints) -> None:
    """Write a binary PLY in single precision, which holds five decimals."""
    header = (
        f"ply\nformat binary_little_endian 1.0\nelement vertex {len(vertices)}\n"
        "property float x\nproperty float y\nproperty float z\n"
        f"element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    rows = np.empty(len(faces), dtype=[("count", "u1"), ("corners", "<i4", 3)])
    rows["count"], rows["corners"] = 3, faces
    path.write_bytes(header.encode() + (np.round(vertices, 5) + 0.0).astype("<f4").tobytes() + rows.tobytes())


MAKERS: dict[str, Callable[[], Mesh]] = {
    "face.obj": face_mesh,
    "cap.ply": cap_mesh,
    "brain.ply": brain_mesh,
    "dumbbell.obj": lambda: closed_mesh(dumbbell_field, (-1.4, -0.6, -0.6), (1.4, 0.6, 0.6), 0.04),
    "hare.ply": lambda: closed_mesh(hare_field, (-0.8, -0.75, -1.05), (0.9, 2.1, 0.95), 0.03),
}


def main(folder: Path) -> None:
    """Write all demo meshes into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in MAKERS.items():
        vertices, faces = make()
        (write_obj if name.endswith(".obj") else write_ply)(folder / name, vertices, faces)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
