"""Kernels of power diagrams on triangulated surfaces: where sites lie seen from the faces around them, and the parts.

Each face is a triangle in a plane of its own: the first corner at the origin, the second at (length, 0). A site is
carried from face to face by unfolding them around the edges in between.
"""

from typing import NamedTuple

import numpy as np

from meshot.base.arrays import Floats, Ints
from meshot.base.kernels import kernel, subkernel

# Part of a side by which a walk that stands still may go on. Faces that a walk may cross, for each that there is, and
# besides.
STILL, MOST_FACES, LEAST_FACES = 1e-12, 10, 1000


class Unfolding(NamedTuple):
    """The faces of a surface, each in its plane, and how these follow one another.

    Attributes
    ----------
    shapes : (F, 3) float
        Length of the first side, and x, y of the third corner.
    twins : (3F,) int
        Opposite halfedge, -1 on the boundary.
    hinges : (3F, 4) float
        Cosine and sine of the turn into the face beyond each halfedge, and the shift after it.
    """

    shapes: Floats
    twins: Ints
    hinges: Floats


class Reached(NamedTuple):
    """The sites around each face.

    Attributes
    ----------
    starts, sites : (F + 1,) int, (e,) int
        Those of face f are ``sites[starts[f]:starts[f + 1]]``.
    images : (e, 4) float
        Where the site lies seen from the face, and cosine and sine of the turn back into its own.
    """

    starts: Ints
    sites: Ints
    images: Floats


class Parts(NamedTuple):
    """The parts that faces are cut into, and the sides between them.

    Attributes
    ----------
    owner, faces : (p,) int
        Site and face of each part.
    values : (p, 4) float
        Mass, its first moments from the site, turned into the site's own face, and the largest squared distance to it.
    pairs, links : (s, 2) int, (s,) float
        Of each side between the parts of two sites i < j: these, and the density times its length over their distance.
    """

    owner: Ints
    faces: Ints
    values: Floats
    pairs: Ints
    links: Floats


@subkernel
def _outside(shape, x, y):
    """Return the squared distance of a point from a triangle (0, 0), (l, 0), (x, y) of its plane; 0 inside."""
    best, inside = np.inf, True
    for k in range(3):
        ax, ay = (0.0, 0.0) if k == 0 else ((shape[0], 0.0) if k == 1 else (shape[1], shape[2]))
        bx, by = (shape[0], 0.0) if k == 0 else ((shape[1], shape[2]) if k == 1 else (0.0, 0.0))
        ex, ey, dx, dy = bx - ax, by - ay, x - ax, y - ay
        if ex * dy - ey * dx < 0.0:
            inside = False
        square = ex * ex + ey * ey
        t = min(max((dx * ex + dy * ey) / square, 0.0), 1.0) if square > 0.0 else 0.0
        best = min(best, (dx - t * ex) ** 2 + (dy - t * ey) ** 2)
    return 0.0 if inside else best


@subkernel
def _push(heap, top, distance, face, x, y, cosine, sine):
    """Put an entry into the heap, the least distance first; return how many there are."""
    k = top
    while k > 0 and heap[(k - 1) // 2, 0] > distance:
        for c in range(6):
            heap[k, c] = heap[(k - 1) // 2, c]
        k = (k - 1) // 2
    heap[k, 0], heap[k, 1], heap[k, 2], heap[k, 3], heap[k, 4], heap[k, 5] = distance, face, x, y, cosine, sine
    return top + 1


@subkernel
def _pop(heap, top):
    """Take the first entry away, which the caller has read; return how many are left."""
    top -= 1
    k = 0
    while 2 * k + 1 < top:
        child = 2 * k + 1
        if child + 1 < top and heap[child + 1, 0] < heap[child, 0]:
            child += 1
        if heap[child, 0] >= heap[top, 0]:
            break
        for c in range(6):
            heap[k, c] = heap[child, c]
        k = child
    for c in range(6):
        heap[k, c] = heap[top, c]
    return top


@kernel
def flood(first, last, net, homes, places, reach, seen, counts, found, images):
    """List the faces that each site reaches, the nearest first, and where it lies seen from them.

    `places` (n, 2) are the sites in their own faces, the `homes`; `seen` (F,) holds -1 or what earlier calls left. A
    face is reached if it is nearer than `reach`, over faces that are. Filled are `counts` (last - first,), the faces
    `found`, and `images`, as of `Reached`. Return how many are found; if there is no room, the lists go as far as they
    can.
    """
    (shapes, twins, hinges), total, room = net, 0, len(found)
    # Distance of the face's middle, face, site seen from there, turn back: each face puts three others there, once.
    heap = np.empty((3 * len(shapes) + 1, 6))
    for i in range(first, last):
        begin, square = total, reach[i] * reach[i]
        top = _push(heap, 0, 0.0, homes[i], places[i, 0], places[i, 1], 1.0, 0.0)
        while top > 0:
            face, x, y, cosine, sine = int(heap[0, 1]), heap[0, 2], heap[0, 3], heap[0, 4], heap[0, 5]
            top = _pop(heap, top)
            if seen[face] == i:
                continue
            seen[face] = i
            if total < room:
                found[total] = face
                images[total, 0], images[total, 1], images[total, 2], images[total, 3] = x, y, cosine, sine
            total += 1
            for k in range(3):
                side = 3 * face + k
                if twins[side] < 0 or seen[twins[side] // 3] == i:
                    continue
                beyond = twins[side] // 3
                c, s = hinges[side, 0], hinges[side, 1]
                u, v = c * x - s * y + hinges[side, 2], s * x + c * y + hinges[side, 3]
                if _outside(shapes[beyond], u, v) > square:
                    continue
                mx, my = (shapes[beyond, 0] + shapes[beyond, 1]) / 3.0, shapes[beyond, 2] / 3.0
                away = (u - mx) ** 2 + (v - my) ** 2
                top = _push(heap, top, away, beyond, u, v, cosine * c + sine * s, sine * c - cosine * s)
        counts[i - first] = total - begin
    return total


@kernel
def walk(first, last, net, homes, places, offsets, weights):
    """Walk straight over the surface from each site by its offset, or to the boundary.

    A walk ends at a corner around which it goes on and on: there is no straight on.
    `homes` and `places` become face and place of the end, `weights` (n, 3) its barycentric coordinates.
    """
    (shapes, twins, hinges), here, there = net, np.empty(3), np.empty(3)
    for i in range(first, last):
        face, x, y, entered, corner = homes[i], places[i, 0], places[i, 1], -1, -1
        u, v = x + offsets[i, 0], y + offsets[i, 1]
        for _ in range(MOST_FACES * len(shapes) + LEAST_FACES):
            length, ax, ay = shapes[face, 0], shapes[face, 1], shapes[face, 2]
            here[2], there[2] = y / ay, v / ay
            here[1], there[1] = (x - here[2] * ax) / length, (u - there[2] * ax) / length
            here[0], there[0] = 1.0 - here[1] - here[2], 1.0 - there[1] - there[2]
            # Side k, from corner k to k + 1, is where the weight of corner k + 2 is 0.
            leave, t = -1, 1.0
            for k in range(3):
                a, b = max(here[(k + 2) % 3], 0.0), there[(k + 2) % 3]
                if k != entered and b < 0.0 and a / (a - b) < t:
                    leave, t = k, a / (a - b)
            twin = twins[3 * face + leave] if leave >= 0 else -1
            if leave < 0 or twin < 0:
                x, y = x + t * (u - x), y + t * (v - y)
                break
            side = 3 * face + leave
            c, s, dx, dy = hinges[side, 0], hinges[side, 1], hinges[side, 2], hinges[side, 3]
            if t * (abs(u - x) + abs(v - y)) > STILL * length:
                corner = -1
            elif face == corner:  # all the way around it
                break
            elif corner < 0:
                corner = face
            x, y = x + t * (u - x), y + t * (v - y)
            x, y = c * x - s * y + dx, s * x + c * y + dy
            u, v = c * u - s * v + dx, s * u + c * v + dy
            face, entered = twin // 3, twin % 3
        c = min(max(y / shapes[face, 2], 0.0), 1.0)
        b = min(max((x - c * shapes[face, 1]) / shapes[face, 0], 0.0), 1.0 - c)
        homes[i], places[i, 0], places[i, 1] = face, b * shapes[face, 0] + c * shapes[face, 1], c * shapes[face, 2]
        weights[i, 0], weights[i, 1], weights[i, 2] = max(1.0 - b - c, 0.0), b, c


@subkernel
def _prune(shape, begin, end, listed, images, psi, kept):
    """List which of the sites around a face may have a part of it; return how many.

    One has none if another has less power at all three corners.
    """
    best, winner, count = np.inf, begin, 0
    cx, cy = (shape[0] + shape[1]) / 3.0, shape[2] / 3.0
    for k in range(begin, end):
        power = (images[k, 0] - cx) ** 2 + (images[k, 1] - cy) ** 2 - psi[listed[k]]
        if power < best:
            best, winner = power, k
    wx, wy, wp = images[winner, 0], images[winner, 1], psi[listed[winner]]
    for k in range(begin, end):
        x, y = images[k, 0], images[k, 1]
        # Power minus that of the winner, which is linear, at the corners.
        base = (x - wx) * (x + wx) + (y - wy) * (y + wy) - (psi[listed[k]] - wp)
        slope_x, slope_y = 2.0 * (wx - x), 2.0 * (wy - y)
        least = min(base, base + slope_x * shape[0], base + slope_x * shape[1] + slope_y * shape[2])
        if k == winner or least <= 0.0:
            kept[count] = k
            count += 1
    return count


@subkernel
def _clip(polygon, labels, corners, a, b, c, label, other, other_labels, beyond):
    """Cut a convex polygon by ``a x + b y <= c``; its new side gets `label`.

    Return the corners, at most one more than before, or -1 if nothing is cut. What stays is the run of corners around
    the one farthest inside, whatever signs rounding gives to the others; `beyond` is room.
    """
    outside, start = 0, 0
    for k in range(corners):
        beyond[k] = a * polygon[k, 0] + b * polygon[k, 1] - c
        outside += beyond[k] > 0.0
        if beyond[k] < beyond[start]:
            start = k
    if outside == 0:
        return -1
    if outside == corners:
        return 0
    last = start
    for _ in range(corners):
        before = start - 1 if start > 0 else corners - 1
        if beyond[before] > 0.0:
            break
        start = before
    for _ in range(corners):
        after = last + 1 if last + 1 < corners else 0
        if beyond[after] > 0.0:
            break
        last = after
    count, k = 0, start
    while True:
        other[count, 0], other[count, 1], other_labels[count] = polygon[k, 0], polygon[k, 1], labels[k]
        count += 1
        if k == last:
            break
        k = k + 1 if k + 1 < corners else 0
    # Where the polygon leaves the half-plane, the new side begins; where it comes back, the old one goes on.
    for leaving in range(2):
        near = last if leaving == 0 else start
        far = (last + 1 if last + 1 < corners else 0) if leaving == 0 else (start - 1 if start > 0 else corners - 1)
        t = beyond[near] / (beyond[near] - beyond[far])
        other[count, 0] = polygon[near, 0] + t * (polygon[far, 0] - polygon[near, 0])
        other[count, 1] = polygon[near, 1] + t * (polygon[far, 1] - polygon[near, 1])
        other_labels[count] = label if leaving == 0 else labels[far]
        count += 1
    return count


@kernel
def partition(first, last, shapes, density, reached, psi, most, parts):
    """Cut the faces from `first` to `last` into the parts that belong to each of the sites that reach them.

    `most` is the largest number of sites of a face. Return the numbers of parts and sides; of more sides than there is
    room for, the last ones are missing.
    """
    starts, listed, images = reached
    made, sides = 0, 0
    kept, room = np.empty(most + 1, dtype=np.int64), most + 8
    one, two, beyond = np.empty((room, 2)), np.empty((room, 2)), np.empty(room)
    names, other_names = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int64)
    for face in range(first, last):
        if starts[face] == starts[face + 1] or not shapes[face, 0] * shapes[face, 2] > 0.0:
            continue
        count = _prune(shapes[face], starts[face], starts[face + 1], listed, images, psi, kept)
        for m in range(count):
            site, x, y = listed[kept[m]], images[kept[m], 0], images[kept[m], 1]
            one[0, 0], one[0, 1], one[1, 0], one[1, 1] = 0.0, 0.0, shapes[face, 0], 0.0
            one[2, 0], one[2, 1] = shapes[face, 1], shapes[face, 2]
            names[0], names[1], names[2] = -1, -1, -1
            corners = 3
            for j in range(count):
                if j == m:
                    continue
                u, v = images[kept[j], 0], images[kept[j], 1]
                bound = (u - x) * (u + x) + (v - y) * (v + y) - (psi[listed[kept[j]]] - psi[site])
                cut = _clip(one, names, corners, 2.0 * (u - x), 2.0 * (v - y), bound, kept[j], two, other_names, beyond)
                if cut >= 0:
                    corners = cut
                    one, two, names, other_names = two, one, other_names, names
                    if corners < 3:
                        break
            if corners < 3:
                continue
            area, mx, my, far = 0.0, 0.0, 0.0, 0.0
            for k in range(corners):
                after = k + 1 if k + 1 < corners else 0
                ax, ay, bx, by = one[k, 0] - x, one[k, 1] - y, one[after, 0] - x, one[after, 1] - y
                far = max(far, ax * ax + ay * ay)
                twice = ax * by - ay * bx
                area += twice / 2.0
                mx += twice * (ax + bx) / 6.0
                my += twice * (ay + by) / 6.0
                j = names[k]
                if j >= 0 and site < listed[j]:
                    length = np.sqrt((bx - ax) ** 2 + (by - ay) ** 2)
                    apart = np.sqrt((images[j, 0] - x) ** 2 + (images[j, 1] - y) ** 2)
                    if length > 0.0 and apart > 0.0:
                        if sides < len(parts.links):
                            parts.pairs[sides, 0], parts.pairs[sides, 1] = site, listed[j]
                            parts.links[sides] = density[face] * length / apart
                        sides += 1
            cosine, sine = images[kept[m], 2], images[kept[m], 3]
            parts.owner[made], parts.faces[made], values = site, face, parts.values
            values[made, 0] = density[face] * area
            values[made, 1] = density[face] * (cosine * mx - sine * my)
            values[made, 2] = density[face] * (sine * mx + cosine * my)
            values[made, 3] = far
            made += 1
    return made, sides
