"""The same mesh in another unit, far away, or in single precision: what a map must not notice."""

import numpy as np

# Units of length against another, and what the coordinates may just be.
SCALES = (1e-12, 1e12, 3e-49, 3e48)
FAR = 1e6


def far_away(points, diameters=FAR):
    """Return points moved by so many diameters, and moved back: the same but for the rounding of the coordinates."""
    step = np.round(diameters * np.ptp(points, axis=0).max() * np.array([1.0, -0.7, 0.4])[: points.shape[1]])
    return points + step, (points + step) - step


def assert_unit_and_place_do_not_matter(mesh, compute, tol=1e-9):
    """Compare the results (n, k) of a mesh with those of similar ones.

    Far away a mesh loses digits by the rounding of its coordinates, and nothing else must be lost: the result is that
    of the rounded mesh where it was. The same holds for single precision.
    """
    wanted = compute(mesh)
    assert np.isfinite(wanted[mesh.referenced] if len(wanted) == len(mesh.vertices) else wanted).all()
    for scale in SCALES:
        np.testing.assert_allclose(compute(mesh.with_vertices(scale * mesh.vertices)), wanted, rtol=0, atol=tol)
    far, rounded = far_away(mesh.vertices)
    found = compute(mesh.with_vertices(far))
    np.testing.assert_allclose(found, compute(mesh.with_vertices(rounded)), rtol=0, atol=tol)
    single = mesh.vertices.astype(np.float32)
    np.testing.assert_array_equal(
        compute(mesh.with_vertices(single)), compute(mesh.with_vertices(single.astype(np.float64)))
    )
