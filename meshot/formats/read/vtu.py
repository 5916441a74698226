"""Parse VTU, VTK's XML file of unstructured grids."""

from xml.etree import ElementTree

import numpy as np

from meshot.base.arrays import Floats
from meshot.formats.read.parsing import FormatError, SolidElements
from meshot.formats.read.vtk_arrays import vtk_blocks
from meshot.formats.read.vtk_xml import (
    XmlFile,
    cell_numbers,
    count_of,
    joined_pieces,
    piece_points,
    read_pieces,
    require_own_points,
)
from meshot.meshes.elements import Block


def parse_vtu(data: bytes) -> SolidElements:
    """Parse VTU; the cells of several pieces are joined, values are skipped."""
    file, pieces = read_pieces(data, "VTU", "UnstructuredGrid", "an unstructured grid")
    points, blocks, before, cells = [np.empty((0, 3))], list[Block](), 0, 0
    for piece in pieces:
        places, parts = _piece(file, piece)
        count = sum(len(block.ids) for block in parts)
        if len(pieces) > 1:
            for block in parts:
                require_own_points(block.nodes, len(places))
        blocks += [Block(block.element, block.nodes + before, block.ids + cells) for block in parts]
        points.append(places)
        before, cells = before + len(places), cells + count
    return SolidElements(np.concatenate(points), blocks, joined_pieces(pieces))


def _piece(file: XmlFile, piece: ElementTree.Element) -> tuple[Floats, list[Block]]:
    count, places = count_of(piece, "Cells"), piece_points(file, piece)
    if count == 0:
        return places, []
    names = ("connectivity", "offsets", "types")
    connectivity, ends, types = (cell_numbers(file, piece, "Cells", name) for name in names)
    if len(types) != count:
        raise FormatError(f"is truncated or damaged: it announces {count} cells, and holds {len(types)} cell types")
    return places, vtk_blocks(connectivity, ends, types)
