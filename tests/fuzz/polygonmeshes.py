"""Meshes of polygons that are no fans, triangle strips, and the area that the file of a mesh must have.

Areas come from the polygons' outlines, not from triangles: a flat polygon without crossings has the length of half the
sum of its corners' cross products, convex or not.
"""

from collections.abc import Sequence

import numpy as np

Vertices = list[list[float]]
Polygons = list[list[int]]

# Height of corners above a polygon's plane, relative to its size, below which it is flat, and above which it is not.
FLAT, BENT = 1e-9, 1e-5
# Doubles are exact enough for an area between these sizes.
SIZES = (1e-40, 1e40)


def l_prism() -> tuple[Vertices, Polygons]:
    """A prism over an L, whose ends are one polygon each."""
    outline = [(0, 0), (3, 0), (3, 1), (1, 1), (1, 3), (0, 3)]
    n = len(outline)
    vertices = [[float(x), float(y), z] for z in (0.0, 1.0) for x, y in outline]
    sides = [[k, (k + 1) % n, n + (k + 1) % n, n + k] for k in range(n)]
    return vertices, [list(range(n - 1, -1, -1)), list(range(n, 2 * n)), *sides]


def darts(count: int = 3) -> tuple[Vertices, Polygons]:
    """A square of darts: each cell is a diamond and two darts around it."""
    vertices, polygons = [[float(x), float(y), 0.0] for y in range(count + 1) for x in range(count + 1)], []
    for y in range(count):
        for x in range(count):
            a = y * (count + 1) + x
            b, c, d, low = a + 1, a + count + 2, a + count + 1, len(vertices)
            vertices += [[x + 0.7, y + 0.3, 0.0], [x + 0.3, y + 0.7, 0.0]]
            polygons += [[a, b, c, low], [a, low, c, low + 1], [a, low + 1, c, d]]
    return vertices, polygons


def comb(teeth: int = 4) -> tuple[Vertices, Polygons]:
    """A comb, all of it one polygon, and the strip below its back."""
    outline, x = [(0.0, 0.0), (2.0 * teeth - 1, 0.0)], 2.0 * teeth - 1
    for _ in range(teeth):
        outline += [(x, 3.0), (x - 1, 3.0), (x - 1, 1.0), (x - 2, 1.0)]
        x -= 2
    outline = outline[:-2]
    vertices = [[*p, 0.0] for p in outline] + [[0.0, -1.0, 0.0], [2.0 * teeth - 1, -1.0, 0.0]]
    n = len(outline)
    return vertices, [list(range(n)), [n, n + 1, 1, 0]]


def quads(count: int = 3) -> tuple[Vertices, Polygons]:
    """A square of quads."""
    vertices = [[float(x), float(y), 0.0] for y in range(count + 1) for x in range(count + 1)]
    corners = [y * (count + 1) + x for y in range(count) for x in range(count)]
    return vertices, [[a, a + 1, a + count + 2, a + count + 1] for a in corners]


POLYGON_MESHES = (l_prism(), darts(), comb(), quads())


# ---------------------------------------------------------------------------------------------------------------------
# strips


def strips(polygons: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return strips that hold the triangles of fans, each gone on with as long as the next triangle fits."""
    rows: list[list[int]] = []
    for polygon in polygons:
        for k in range(1, len(polygon) - 1):
            triangle = [polygon[0], polygon[k], polygon[k + 1]]
            last = rows[-1][-2:] if rows else []
            edge = last[::-1] if rows and len(rows[-1]) % 2 else last
            turned = [triangle[m:] + triangle[:m] for m in range(3)]
            fitting = next((each for each in turned if each[:2] == edge), None)
            if fitting is None:
                rows.append(turned[1])
            else:
                rows[-1].append(fitting[2])
    return rows


def ply_strips(vertices: Sequence[Sequence[float]], polygons: Sequence[Sequence[int]], *, binary: bool) -> bytes:
    """PLY with all strips in one row, -1 between them."""
    row = [i for strip in strips(polygons) for i in (-1, *strip)][1:]
    head = ["ply", f"format {'binary_little_endian' if binary else 'ascii'} 1.0", f"element vertex {len(vertices)}"]
    head += [f"property double {axis}" for axis in "xyz"]
    head += ["element tristrips 1", "property list int int vertex_indices", "end_header", ""]
    if binary:
        row_bytes = np.array([len(row), *row]).astype("<i4").tobytes()
        return "\n".join(head).encode() + np.array(vertices, dtype="<f8").tobytes() + row_bytes
    lines = ["{!r} {!r} {!r}".format(*map(float, v)) for v in vertices]
    return "\n".join([*head[:-1], *lines, " ".join(map(str, [len(row), *row])), ""]).encode()


def vtk_strips(vertices: Sequence[Sequence[float]], polygons: Sequence[Sequence[int]]) -> bytes:
    """Legacy VTK with a row for each strip, and a line, which counts for nothing."""
    rows = strips(polygons)
    lines = ["# vtk DataFile Version 3.0", "strips", "ASCII", "DATASET POLYDATA", f"POINTS {len(vertices)} double"]
    lines += ["{!r} {!r} {!r}".format(*map(float, v)) for v in vertices]
    lines += ["LINES 1 3", "2 0 1", f"TRIANGLE_STRIPS {len(rows)} {sum(map(len, rows)) + len(rows)}"]
    return "\n".join([*lines, *(" ".join(map(str, [len(row), *row])) for row in rows), ""]).encode()


# ---------------------------------------------------------------------------------------------------------------------
# what is right


def true_area(vertices: Sequence[Sequence[float]], polygons: Sequence[Sequence[int]]) -> float | None:
    """Return the area of a mesh; NaN where it must be refused, as a flat face crosses itself; None if none is right."""
    area, crossing = 0.0, False
    for polygon in polygons:
        if len(polygon) < 3 or not all(0 <= i < len(vertices) for i in polygon):
            return None
        points = np.array([vertices[i] for i in polygon])
        size = np.abs(points - points[0]).max()
        if not np.isfinite(points).all() or (size != 0 and not SIZES[0] < size < SIZES[1]):
            return None
        if np.abs(points).max() > 1e9 * size:  # rounding of the positions decides
            return None
        if len(polygon) == 3:
            area += float(np.linalg.norm(np.cross(points[1] - points[0], points[2] - points[0]))) / 2
            continue
        outline = _outline(points)
        if outline is None:
            return None
        crossing |= np.isnan(outline)
        area += outline
    return float("nan") if crossing else area


def _outline(points: np.ndarray) -> float | None:
    """Return the area of a polygon of more than three corners, NaN or None, as `true_area`."""
    centered = points - points.mean(axis=0)
    scale = max(float(np.abs(centered).max()), 1e-300)
    points = centered / scale
    _, spread, axes = np.linalg.svd(points, full_matrices=False)
    if spread[1] < BENT or np.abs(points @ axes[2]).max() > FLAT:
        return None
    flat = points @ axes[:2].T
    sides = [(flat[k], flat[(k + 1) % len(flat)]) for k in range(len(flat))]
    crossing = False
    for k, (a, b) in enumerate(sides):
        for m in range(k + 1, len(sides)):
            c, d = sides[m]
            turns = _turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b)
            adjacent = m == k + 1 or (k == 0 and m == len(sides) - 1)
            if adjacent and max(map(abs, turns)) < BENT:
                return None  # a corner that runs straight on, or back
            if min(map(abs, turns)) > BENT and turns[0] * turns[1] < 0 and turns[2] * turns[3] < 0:
                crossing = True
            elif not adjacent and min(_distance(*ends) for ends in ((a, c, d), (b, c, d), (c, a, b), (d, a, b))) < BENT:
                return None  # they touch, or nearly
    if crossing:
        return float("nan")
    return scale**2 * float(np.linalg.norm(np.cross(points, np.roll(points, -1, axis=0)).sum(axis=0))) / 2


def _turn(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> float:
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))


def _distance(p: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """Return the distance of a point from the segment from a to b."""
    side = b - a
    share = np.clip((p - a) @ side / max(side @ side, 1e-300), 0, 1)
    return float(np.linalg.norm(p - a - share * side))
