"""Kernels: a convex polytope, a box about the domain at first, cut by bisectors until it is a power cell in space.

A site j cuts a cell that lies in the ball about m of radius r only if its bisector with the cell's site i is nearer
to m than r:

    |m - y_j|^2 - psi_j - (|m - y_i|^2 - psi_i)  <  2 r |y_j - y_i|

The left side is bounded from below for all sites of a branch of the tree (`site_tree`), which rules out most of them
at once. Sites that are near in the last diagram cut first, so that the ball is small before the tree is searched: the
cell is exact whatever they were.

Coordinates of a cell are relative to a point o near it, which keeps digits; all others are relative to the domain's
center.
"""

import numpy as np

from meshot.base.kernels import innerkernel
from meshot.diagrams.site_tree import ROUNDING, nearest_in_space, space_node_bound
from meshot.diagrams.space.polytope import MISSED, cut

# Cuts through the middle before the tree is searched anyway.
MOST_HALVINGS = 60
# Sites looked at for a cell before the branches of the tree are held against each of its corners.
PATIENCE = 400


@innerkernel
def cut_by_site(cell, count, used, i, j, o, tree, tol):
    """Keep the points whose power distance to site i is not above that to site j.

    Returns the counts of corners, or `FULL`, and of facets.
    """
    sites, weights, (ox, oy, oz) = tree.sites, tree.weights, o
    a, b, c = sites[j, 0] - sites[i, 0], sites[j, 1] - sites[i, 1], sites[j, 2] - sites[i, 2]
    h = a * (sites[j, 0] - ox + (sites[i, 0] - ox)) + b * (sites[j, 1] - oy + (sites[i, 1] - oy))
    h += c * (sites[j, 2] - oz + (sites[i, 2] - oz)) - (weights[j] - weights[i])
    scale = 1.0 / np.sqrt(a * a + b * b + c * c)
    after = cut(cell, count, used, a * scale, b * scale, c * scale, 0.5 * h * scale, tol)
    if after == MISSED:
        return count, used
    if after > 0:
        cell.label[used] = j
        used += 1
    return after, used


@innerkernel
def cut_by_wall(cell, count, used, a, b, c, h, wall, tol):
    """Keep the points with ``a x + b y + c z <= h``; as `cut_by_site`."""
    after = cut(cell, count, used, a, b, c, h, tol)
    if after == MISSED:
        return count, used
    if after > 0:
        cell.label[used] = -1 - wall
        used += 1
    return after, used


@innerkernel
def cut_by_walls(cell, count, used, o, region):
    """Cut by the domain's walls, unless the cell is well inside."""
    pos, walls, reaches, square, (ox, oy, oz) = cell.pos, region.walls, False, region.inner_radius**2, o
    for v in range(count):
        reaches |= (pos[0, v] + ox) ** 2 + (pos[1, v] + oy) ** 2 + (pos[2, v] + oz) ** 2 > square
    if reaches:
        for k in range(len(walls)):
            if count > 0:
                a, b, c = walls[k, 0], walls[k, 1], walls[k, 2]
                h = walls[k, 3] - a * ox - b * oy - c * oz
                count, used = cut_by_wall(cell, count, used, a, b, c, h, k, region.tol)
    return count, used


@innerkernel
def middle_of(pos, count):
    """Mean of the corners."""
    x, y, z = 0.0, 0.0, 0.0
    for v in range(count):
        x, y, z = x + pos[0, v], y + pos[1, v], z + pos[2, v]
    return x / count, y / count, z / count


@innerkernel
def _reach(pos, count, x, y, z):
    """Distance from a point to the farthest corner."""
    reach = 0.0
    for v in range(count):
        reach = max(reach, (pos[0, v] - x) ** 2 + (pos[1, v] - y) ** 2 + (pos[2, v] - z) ** 2)
    return np.sqrt(reach)


@innerkernel
def _distance_ahead(bounds, node, m, reach, y, own):
    """Lower bound, for the sites of a node, of how much farther than site y they are from m, in power distance.

    Infinite if none can be nearer to a point within `reach` of m.
    """
    (mx, my, mz), (yx, yy, yz) = m, y
    gx, gy, gz, stiff = bounds[node, 6], bounds[node, 7], bounds[node, 8], bounds[node, 10]
    qx, qy, qz = (mx + 0.5 * gx) / stiff, (my + 0.5 * gy) / stiff, (mz + 0.5 * gz) / stiff
    dx = max(bounds[node, 0] - qx, 0.0, qx - bounds[node, 3])
    dy = max(bounds[node, 1] - qy, 0.0, qy - bounds[node, 4])
    dz = max(bounds[node, 2] - qz, 0.0, qz - bounds[node, 5])
    square = dx * dx + dy * dy + dz * dz
    bent = (stiff - 1.0) * (mx * mx + my * my + mz * mz)
    bound = stiff * square + (bent - gx * mx - gy * my - gz * mz) / stiff - ROUNDING * abs(bent) - bounds[node, 9]
    ahead = bound - own - ROUNDING * (abs(bound) + abs(own))
    beside, near = np.sqrt((qx - yx) ** 2 + (qy - yy) ** 2 + (qz - yz) ** 2), reach / stiff
    least = max(np.sqrt(square) - near, 0.0)
    return ahead if ahead + stiff * (least * least - square) < reach * (near + 2.0 * beside) else np.inf


@innerkernel
def _no_corner_nearer(pos, count, i, o, tree, node):
    """Whether no site of the node can be nearer to a corner than site i is."""
    sites, weights, (ox, oy, oz) = tree.sites, tree.weights, o
    for v in range(count):
        x, y, z = pos[0, v] + ox, pos[1, v] + oy, pos[2, v] + oz
        own = (x - sites[i, 0]) ** 2 + (y - sites[i, 1]) ** 2 + (z - sites[i, 2]) ** 2 - weights[i]
        if space_node_bound(tree.bounds, node, x, y, z) < own + ROUNDING * abs(own):
            return False
    return True


@innerkernel
def cut_through_middle(cell, count, used, i, o, tree, tol, visits):
    """Cut cell i by the site that is nearest to its middle, again and again, until that is site i itself.

    Each cut takes away a part about the middle, so that the cell shrinks by a factor: it is found wherever it lies.
    """
    sites, seen = tree.sites, visits.seen
    for _ in range(MOST_HALVINGS):
        if count <= 0:
            break
        x, y, z = middle_of(cell.pos, count)
        x, y, z = x + o[0], y + o[1], z + o[2]
        own = (x - sites[i, 0]) ** 2 + (y - sites[i, 1]) ** 2 + (z - sites[i, 2]) ** 2 - tree.weights[i]
        j = nearest_in_space(x, y, z, own, i, tree, visits.stack)
        if seen[j] == i:  # nothing nearer, but for rounding
            break
        seen[j] = i
        count, used = cut_by_site(cell, count, used, i, j, o, tree, tol)
    return count, used


@innerkernel
def cut_by_tree(cell, count, used, i, o, tree, tol, visits):
    """Cut cell i by all sites that reach into it; those with ``seen[j] == i`` have cut already."""
    pos, (stack, seen), (sites, weights, spans, bounds), (ox, oy, oz) = cell.pos, visits, tree, o
    mx, my, mz = middle_of(pos, count)
    reach = _reach(pos, count, mx, my, mz)
    mx, my, mz = mx + ox, my + oy, mz + oz
    yx, yy, yz = sites[i, 0], sites[i, 1], sites[i, 2]
    m, y = (mx, my, mz), (yx, yy, yz)
    near = (mx - yx) ** 2 + (my - yy) ** 2 + (mz - yz) ** 2
    own = near - weights[i]
    stack[0], size, looked_at, facets = 0, 1, 0, used
    while size > 0:
        size -= 1
        node = stack[size]
        if used > facets and _distance_ahead(bounds, node, m, reach, y, own) == np.inf:
            continue  # the cell has become smaller since
        if looked_at > PATIENCE and _no_corner_nearer(pos, count, i, o, tree, node):
            continue
        start, stop, nearest = spans[node, 0], spans[node, 1], np.inf
        if spans[node, 2] == 0:
            for child in range(start, stop):
                ahead = _distance_ahead(bounds, child, m, reach, y, own)
                if ahead < np.inf:
                    stack[size] = child
                    if size > 0 and ahead > nearest:  # the nearest comes next
                        stack[size], stack[size - 1] = stack[size - 1], child
                    size, nearest = size + 1, min(nearest, ahead)
            continue
        looked_at += stop - start
        for j in range(start, stop):
            jx, jy, jz = sites[j, 0], sites[j, 1], sites[j, 2]
            ahead = (mx - jx) ** 2 + (my - jy) ** 2 + (mz - jz) ** 2 - near - (weights[j] - weights[i])
            square = (jx - yx) ** 2 + (jy - yy) ** 2 + (jz - yz) ** 2
            if seen[j] == i or (ahead > 0.0 and ahead * ahead >= 4.0 * reach * reach * square):
                continue
            seen[j], before = i, used
            count, used = cut_by_site(cell, count, used, i, j, o, tree, tol)
            if count <= 0:
                return count, used
            if used > before:
                reach = _reach(pos, count, mx - ox, my - oy, mz - oz)
    return count, used
