"""Parse VTP, VTK's XML file of polygons: encoded and compressed in any way that VTU is."""

from xml.etree import ElementTree

import numpy as np

from meshot.formats.read.parsing import FormatError, Polygons
from meshot.formats.read.vtk_arrays import NO_LISTS, Lists, cell_lists, polydata
from meshot.formats.read.vtk_xml import (
    XmlFile,
    cell_numbers,
    count_of,
    joined_pieces,
    piece_points,
    read_pieces,
    require_own_points,
)


def parse_vtp(data: bytes) -> Polygons:
    """Parse VTP; the polygons and strips of several pieces are joined, lines, points and values are skipped."""
    file, pieces = read_pieces(data, "VTP", "PolyData", "polygons")
    points, polys, strips, others, before = [np.empty((0, 3))], [NO_LISTS], [NO_LISTS], 0, 0
    for piece in pieces:
        places = piece_points(file, piece)
        for kind, lists in (("Polys", polys), ("Strips", strips)):
            corners, sizes = _lists(file, piece, kind)
            if len(pieces) > 1:
                require_own_points(corners, len(places))
            lists.append(Lists(corners + before, sizes))
        others += count_of(piece, "Lines") + count_of(piece, "Verts")
        points.append(places)
        before += len(places)
    polygons = polydata(np.concatenate(points), Lists.joined(polys), Lists.joined(strips), others)
    return polygons._replace(notes=(*joined_pieces(pieces), *polygons.notes))


def _lists(file: XmlFile, piece: ElementTree.Element, kind: str) -> Lists:
    """Return the cells of a kind."""
    count = count_of(piece, kind)
    if count == 0:
        return NO_LISTS
    ends, corners = (cell_numbers(file, piece, kind, name) for name in ("offsets", "connectivity"))
    if len(ends) != count:
        raise FormatError(f"is truncated or damaged: it announces {count} cells, and holds {len(ends)} offsets")
    return cell_lists(ends, corners)
