"""Precision and recall of the criteria for singular facets, on maps that are known to tear where they do.

``python benchmarks/folds.py [N ...] [--dimension 2|3] [--maps MAP ...]`` prints a JSON line for each map, kind of
sites, number of sites and criterion. The maps are gradients of convex functions, so that the exact heights of each site
are known, and with them the diagram; a facet is truly singular if its two sites come from different parts of the
source. Precision and recall are shares of the facets' length or area. "best" is the threshold of the angle with the
largest F1 score, which nobody knows beforehand; all others are thresholds that `singular_set` takes by default, or that
are named.

cut        a disk or ball cut along x = 0.2 and pulled apart by 0.5
stretched  the same, stretched fourfold along x against the other directions
sectors    three sectors about the z axis, pulled apart by 0.52
convex     stretched, but in one piece: all detections are false, reported as their share of the measure of all facets
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import meshot
from meshot.diagrams.domains import Ball
from meshot.diagrams.power_diagram import power_diagram

THIRD = 2 * np.pi / 3
D, C, STRETCH = 0.25, 0.2, 4.0
Points = np.ndarray
CRITERIA: list[tuple[str, dict[str, Any]]] = [
    ("jump", {}),
    ("jump, target known", {"target": True}),
    ("adjacency 1", {"target": True, "criterion": "adjacency", "threshold": 1}),
    ("adjacency 2", {"target": True, "criterion": "adjacency", "threshold": 2}),
    ("adjacency 3", {"target": True, "criterion": "adjacency"}),
    ("angle", {"criterion": "angle"}),
    ("normal", {"criterion": "normal"}),
]


def lattice(n: int, dimension: int) -> Points:
    """Return about n points of a lattice, turned, jittered by a tenth of its side, in the unit disk or ball."""
    rng = np.random.default_rng(0)
    volume = np.pi if dimension == 2 else 4 * np.pi / 3
    side = (volume / n) ** (1 / dimension)
    reach = int(1.5 / side) + 2
    grid = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1.0)] * dimension), axis=-1).reshape(-1, dimension)
    grid += rng.uniform(-0.1, 0.1, grid.shape)
    points = side * grid @ np.linalg.qr(rng.normal(size=(dimension, dimension)))[0]
    return points[np.linalg.norm(points, axis=1) < 1]


def independent(n: int, dimension: int) -> Points:
    """Return n independent points of the unit disk or ball."""
    rng = np.random.default_rng(1)
    directions = rng.normal(size=(n, dimension))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return directions * rng.random((n, 1)) ** (1 / dimension)


def cut(x: Points, d: float = D, stretch: float = 1.0) -> tuple[Points, Points, np.ndarray]:
    """Return sites, the potential at their sources, and the part that each comes from."""
    scale = np.ones(x.shape[1])
    scale[0] = stretch
    y = x * scale
    y[:, 0] += d * np.sign(x[:, 0] - C)
    return y, (x**2 * scale).sum(axis=1) / 2 + d * np.abs(x[:, 0] - C), x[:, 0] > C


def sectors(x: Points) -> tuple[Points, Points, np.ndarray]:
    """As `cut`, three sectors."""
    part = np.floor(np.arctan2(x[:, 1], x[:, 0]) / THIRD).astype(int) % 3
    y = x.copy()
    angle = (part + 0.5) * THIRD
    away = 0.3 * np.column_stack([np.cos(angle), np.sin(angle)])
    y[:, :2] += away
    return y, (x**2).sum(axis=1) / 2 + (x[:, :2] * away).sum(axis=1), part


def in_cut(d: float, stretch: float) -> Callable[[Points], np.ndarray]:
    """Return whether points lie in the image of `cut`."""

    def inside(y: Points) -> np.ndarray:
        x = y.copy()
        border = C * stretch
        x[:, 0] = np.where(y[:, 0] > border, y[:, 0] - d, y[:, 0] + d) / stretch
        return (np.linalg.norm(x, axis=1) < 1) & (np.abs(y[:, 0] - border) >= d)

    return inside


def in_sectors(y: Points) -> np.ndarray:
    """Whether points lie in the image of `sectors`."""
    found = np.zeros(len(y), dtype=bool)
    for part in range(-2, 2):
        x = y.copy()
        angle = (part + 0.5) * THIRD
        x[:, :2] -= 0.3 * np.array([np.cos(angle), np.sin(angle)])
        apart = np.abs((np.arctan2(x[:, 1], x[:, 0]) - angle + np.pi) % (2 * np.pi) - np.pi)
        found |= (apart < THIRD / 2) & (np.linalg.norm(x, axis=1) < 1)
    return found


MAPS: dict[str, tuple[Callable[[Points], tuple[Points, Points, np.ndarray]], Callable[[Points], np.ndarray]]] = {
    "cut": (cut, in_cut(D, 1.0)),
    "stretched": (lambda x: cut(x, D, STRETCH), in_cut(D, STRETCH)),
    "sectors": (sectors, in_sectors),
    "convex": (lambda x: cut(x, 0.0, STRETCH), in_cut(0.0, STRETCH)),
}


def exact_transport(x: Points, y: Points, potential: np.ndarray) -> Any:
    """Return the transport whose heights are those of the known map, and whose masses those of its cells."""
    heights = potential - (x * y).sum(axis=1)
    domain = meshot.Disk() if y.shape[1] == 2 else Ball()
    masses = power_diagram(y, 2 * heights + (y**2).sum(axis=1), domain).masses
    if masses.min() <= 0:
        raise ValueError("a site of the known map has no cell")
    # the heights are right already: any tolerance will do
    return meshot.solve_transport(y, masses, domain, heights=heights, tol=1e9)


def scores(pairs: np.ndarray, sizes: np.ndarray, true: np.ndarray, found: set[tuple[int, int]]) -> dict[str, float]:
    """Return precision and recall, or the share of what is found where nothing is to be."""
    is_found = np.array([tuple(pair) in found for pair in pairs.tolist()], dtype=bool)
    if not true.any():
        return {"false_share": float(sizes[is_found].sum() / sizes.sum())}
    hits = sizes[is_found & true].sum()
    share = float(hits / sizes[is_found].sum()) if is_found.any() else float("nan")
    return {"precision": share, "recall": float(hits / sizes[true].sum())}


def best(values: np.ndarray, sizes: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Return the scores of the threshold with the largest F1 score."""
    order = np.argsort(-values, kind="stable")
    hits, all_found = np.cumsum((sizes * true)[order]), np.cumsum(sizes[order])
    precision, recall = hits / all_found, hits / sizes[true].sum()
    k = int(np.argmax(2 * precision * recall / np.maximum(precision + recall, 1e-300)))
    return {"threshold": float(values[order[k]]), "precision": float(precision[k]), "recall": float(recall[k])}


def angles(vectors: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Return the angle between the vectors of each pair."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.arccos(np.clip((unit[pairs[:, 0]] * unit[pairs[:, 1]]).sum(axis=1), -1, 1))


def measure(name: str, x: Points) -> Iterator[dict[str, Any]]:
    """Yield the scores of all criteria on one map."""
    function, inside = MAPS[name]
    y, potential, part = function(x)
    result = exact_transport(x, y, potential)
    diagram = result.diagram
    pairs = diagram.facets
    sizes = diagram.facet_lengths if x.shape[1] == 2 else diagram.facet_areas
    true = (part[pairs[:, 0]] != part[pairs[:, 1]]) & (name != "convex")
    for label, options in CRITERIA:
        begin = time.process_time()
        known = inside if options.get("target") else None
        folds = meshot.singular_set(result, known, **{key: v for key, v in options.items() if key != "target"})
        spent = time.process_time() - begin
        figures = scores(pairs, sizes, true, set(map(tuple, folds.pairs.tolist())))
        yield {"criterion": label, "threshold": folds.threshold, **figures, "cpu_seconds": round(spent, 2)}
    if true.any():
        yield {"criterion": "angle, best", **best(angles(y, pairs), sizes, true)}
        normals = np.column_stack([y, -np.ones(len(y))])
        yield {"criterion": "normal, best", **best(angles(normals, pairs), sizes, true)}


def main() -> None:
    """Print one JSON line for each criterion, map, kind of sites and number of sites."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("counts", nargs="*", type=int, default=[1000, 10_000, 100_000])
    parser.add_argument("--dimension", type=int, choices=[2, 3], default=2)
    parser.add_argument("--maps", nargs="+", choices=list(MAPS), default=list(MAPS))
    options = parser.parse_args()
    for n in options.counts:
        for kind, points in (("lattice", lattice), ("independent", independent)):
            for name in options.maps:
                for row in measure(name, points(n, options.dimension)):
                    place = {"dimension": options.dimension, "n": n, "sites": kind, "map": name}
                    print(json.dumps({**place, **row}), flush=True)


if __name__ == "__main__":
    main()
