"""Measures sampled transport; prints one JSON line for each measurement.

python benchmarks/montecarlo.py [speed] [floor] [calibration] [rate] [modes] [mesh FILE SUBDIVISIONS]

Without arguments all but the mesh are measured, which takes minutes. Seconds are of processor time, of all threads, and
of the clock.
"""

import argparse
import json
import resource
import sys
import time

import numpy as np
import torch
from scipy.special import ndtr

import meshot
from meshot.transport.sampled.device import device_name, find_device
from meshot.transport.sampled.nearest.box_search import BoxSearch
from meshot.transport.sampled.nearest.brute_force import CHUNK_SAMPLES, MAX_SCORES_HELD, BruteForce


def show(**figures):
    print(json.dumps({k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in figures.items()}), flush=True)


def clocks(device):
    if device.type == "cuda":
        torch.cuda.synchronize()
    return np.array([time.process_time(), time.perf_counter()])


def timed(work, device, repeats=3):
    """Processor's and clock's seconds of the quickest of a few runs."""
    work()
    spent = []
    for _ in range(repeats):
        begin = clocks(device)
        work()
        spent.append(clocks(device) - begin)
    return np.min(spent, axis=0)


def speed(device):
    """Pairs a second of brute force, against the same products alone in the same chunks; samples a second of boxes."""
    rng = np.random.default_rng(0)
    for n, d in ((1000, 10), (10_000, 10), (10_000, 64), (100_000, 64)):
        m = max(1024, int((2e8 if device.type == "cpu" else 2e12) / n / (1 + d / 16)))
        sites = rng.normal(size=(n, d))
        points = torch.tensor(rng.normal(size=(m, d)), device=device)
        search = BruteForce(sites, -0.5 * (sites**2).sum(axis=1), np.zeros(d), device)
        found = timed(lambda search=search, points=points: search(points), device)
        left, right = points.to(torch.float32), search.sites.to(torch.float32).T
        # scores of a chunk stay in a processor's cache
        rows, columns = (256, 2048) if device.type == "cpu" else (CHUNK_SAMPLES, MAX_SCORES_HELD // CHUNK_SAMPLES)

        def products(left=left, right=right, rows=rows, columns=columns):
            scores = torch.empty(rows * columns, device=device)
            for i in range(0, len(left), rows):
                for j in range(0, right.shape[1], columns):
                    a, b = left[i : i + rows], right[:, j : j + columns]
                    torch.mm(a, b, out=scores[: len(a) * b.shape[1]].view(len(a), -1))

        peak = timed(products, device)
        show(measure="brute force", device=device_name(device), sites=n, dimension=d, samples=m,
             pairs_per_second=m * n / found[1], products_per_second=m * n / peak[1],
             share_of_products_by_processor_time=peak[0] / found[0])  # fmt: skip
    for n, d in ((100_000, 2), (1_000_000, 2), (100_000, 3)):
        m = 1 << 18
        sites = rng.uniform(-1, 1, size=(n, d))
        sites = sites[np.lexsort(np.floor(sites * 200).T)]
        points = torch.tensor(rng.uniform(-1, 1, size=(m, d)), device=device)
        begin = clocks(device)
        bounds = (-np.ones(d), np.ones(d))
        search = BoxSearch(sites, -0.5 * (sites**2).sum(axis=1), bounds, 128.0 * n, 1, device)
        built = clocks(device) - begin
        found = timed(lambda search=search, points=points: search(points), device)
        show(measure="boxes", device=device_name(device), sites=n, dimension=d, build_processor_seconds=built[0],
             nanoseconds_per_sample=1e9 * found[0] / m, pairs_saved_per_second=m * n / found[0])  # fmt: skip


def floor(device, sizes=((1000, 2), (10_000, 2), (100_000, 2), (1000, 3), (10_000, 3), (100_000, 3))):
    """RMS relative error of masses by the exact diagram, against 2 sqrt(N / samples)."""
    for n, d in sizes:
        rng = np.random.default_rng(n + d)
        sites = rng.normal(size=(n, d)) * 0.3
        begin = clocks(device)
        found = meshot.solve_transport(sites, method="montecarlo", device=device.type)
        spent = clocks(device) - begin
        domain = meshot.Disk() if d == 2 else meshot.Ball()
        masses = meshot.power_diagram(sites, found.weights, domain).masses * found.problem.density
        error = float(np.sqrt(((masses / found.problem.masses - 1) ** 2).mean()))
        figures = {"measure": "floor", "device": device_name(device), "sites": n, "dimension": d}
        figures |= {"samples": found.samples, "exact_rms": error, "bound": 2 * np.sqrt(n / found.samples)}
        figures |= {"estimated_rms": found.mass_error, "estimated_se": found.mass_error_se}
        figures |= {"sobol_gain": found.history[-1].gain, "processor_seconds": spent[0], "seconds": spent[1]}
        if n <= 10_000:
            exact = meshot.solve_transport(sites)
            off = found.heights - exact.heights
            figures["heights_rms_off"] = float(off.std() / exact.heights.std())
        show(**figures)


def calibration(device, sizes=((1000, 2), (1000, 3), (4000, 2)), seeds=6):
    """How many of its standard errors the estimated error is off, by the exact diagram, for several seeds."""
    off = []
    for n, d in sizes:
        sites = np.random.default_rng(n + d).normal(size=(n, d)) * 0.3
        domain = meshot.Disk() if d == 2 else meshot.Ball()
        for seed in range(seeds):
            found = meshot.solve_transport(sites, method="montecarlo", device=device.type, rng=seed)
            masses = meshot.power_diagram(sites, found.weights, domain).masses * found.problem.density
            error = float(np.sqrt(((masses / found.problem.masses - 1) ** 2).mean()))
            off.append((found.mass_error - error) / found.mass_error_se)
    off = np.array(off)
    rms, largest = float(np.sqrt((off**2).mean())), float(np.abs(off).max())
    show(
        measure="calibration",
        device=device_name(device),
        runs=len(off),
        mean=float(off.mean()),
        rms=rms,
        largest=largest,
    )


def rate(device):
    """Error of the heights of a known potential of a normal source, for more and more samples."""
    for d in (10, 64):
        rng = np.random.default_rng(d)
        slopes, borders = np.array([-1.0, 0.1, 0.9]), np.array([-0.5, 0.6])
        share = np.diff(ndtr(np.concatenate([[-np.inf], borders, [np.inf]])))
        level = -np.concatenate([[0.0], np.cumsum(np.diff(slopes) * borders)])
        which = np.stack([g.ravel() for g in np.meshgrid(*[np.arange(3)] * 4, indexing="ij")], axis=1)
        sites = np.zeros((81, d))
        sites[:, :4] = slopes[which]
        turned = sites @ np.linalg.qr(rng.normal(size=(d, d)))[0]
        heights, masses = level[which].sum(axis=1), share[which].prod(axis=1)
        sizes, errors = [1 << k for k in (12, 14, 16, 18)], []
        for size in sizes:
            source = meshot.StandardNormal(d)
            found = meshot.solve_transport(
                turned, masses, source, method="montecarlo", samples=size, device=device.type
            )
            errors.append(float((found.heights - heights).std()))
        slope = -np.polyfit(np.log(sizes), np.log(errors), 1)[0]
        show(
            measure="rate", device=device_name(device), dimension=d, sites=81, samples=sizes, errors=errors, rate=slope
        )


def modes(device):
    """Masses of 25 modes by fresh samples, in standard errors."""
    rng = np.random.default_rng(4)
    centers = np.stack(np.meshgrid(np.arange(-2, 3), np.arange(-2, 3)), axis=-1).reshape(25, 2)
    mode = np.repeat(np.arange(25), 100)
    sites = centers[mode] + 0.05 * rng.normal(size=(2500, 2))
    found = meshot.solve_transport(sites, None, meshot.StandardNormal(2), method="montecarlo", device=device.type)
    x = rng.normal(size=(1_000_000, 2))
    counted = np.bincount(mode[found.locate(x)], minlength=25) / len(x)
    scores = (counted - 1 / 25) / np.sqrt(1 / 25 * 24 / 25 / len(x))
    show(measure="modes", largest_score=float(np.abs(scores).max()), samples=found.samples)


def mesh(device, path, subdivisions, samples):
    """Transport of a dense mesh: each face of a file split in four, so many times; the maps' disk is conformal."""
    surface = meshot.read_surface(path)
    vertices, faces = surface.vertices, surface.faces
    for _ in range(subdivisions):
        vertices, faces = split_in_four(vertices, faces)
    dense = meshot.Surface(vertices, faces)
    conformal = meshot.conformal_map(dense)
    used = conformal.surface.referenced
    areas = np.bincount(conformal.surface.faces.ravel(), np.repeat(conformal.surface.face_areas / 3, 3))
    sites, masses = conformal.uv[used], areas[used]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = clocks(device)
    found = meshot.solve_transport(sites, masses, method="montecarlo", device=device.type, samples=samples)
    spent = clocks(device) - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    show(measure="mesh", device=device_name(device), faces=len(faces), sites=len(sites), samples=found.samples,
         estimated_rms=found.mass_error, estimated_se=found.mass_error_se, processor_seconds=spent[0], seconds=spent[1],
         peak_gib=peak / 2**20, peak_before_gib=before / 2**20)  # fmt: skip
    masses = meshot.power_diagram(sites, found.weights, meshot.Disk()).masses * found.problem.density
    show(measure="mesh, exact diagram", exact_rms=float(np.sqrt(((masses / found.problem.masses - 1) ** 2).mean())))


def split_in_four(vertices, faces):
    sides = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    edges, place = np.unique(sides, axis=0, return_inverse=True)
    middle = len(vertices) + place.reshape(-1, 3)
    a, b, c = faces.T
    ab, bc, ca = middle.T
    parts = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    new = np.stack([np.stack(part, axis=1) for part in parts], axis=1).reshape(-1, 3)
    return np.concatenate([vertices, vertices[edges].mean(axis=1)]), new


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=["speed", "floor", "calibration", "rate", "modes"])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--mesh", nargs=2, metavar=("FILE", "SUBDIVISIONS"))
    parser.add_argument("--samples", type=int)
    parser.add_argument("--largest", type=int, default=100_000, help="largest number of sites of `floor`")
    options = parser.parse_args()
    where = find_device(options.device)
    show(measure="device", name=device_name(where), threads=torch.get_num_threads(), torch=torch.__version__)
    if options.mesh:
        mesh(where, options.mesh[0], int(options.mesh[1]), options.samples)
        sys.exit()
    for name in options.what:
        if name == "floor":
            floor(where, [(n, d) for d in (2, 3) for n in (1000, 10_000, 100_000) if n <= options.largest])
        else:
            {"speed": speed, "calibration": calibration, "rate": rate, "modes": modes}[name](where)
