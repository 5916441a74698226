"""The Triton kernel of `best_tiles_fused`; imported only if Triton is installed."""

import triton
import triton.language as tl

# mypy: disable-error-code="no-untyped-def"


@triton.jit
def best_tiles(
    points, sites, heights, out, m, n, d,
    SAMPLES: tl.constexpr, SITES: tl.constexpr, TILE: tl.constexpr, CHUNK: tl.constexpr, PARTS: tl.constexpr,
):  # fmt: skip
    """Find the three tiles of largest score of `SAMPLES` samples; see `best_tiles_fused`."""
    rows = tl.program_id(0) * SAMPLES + tl.arange(0, SAMPLES)
    inside = rows < m
    best = tl.full([SAMPLES], float("-inf"), tl.float32)
    second = tl.full([SAMPLES], float("-inf"), tl.float32)
    third = tl.full([SAMPLES], float("-inf"), tl.float32)
    best_tile = tl.zeros([SAMPLES], tl.int32)
    second_tile = tl.zeros([SAMPLES], tl.int32)
    third_tile = tl.zeros([SAMPLES], tl.int32)
    tiles = tl.arange(0, SITES // TILE)
    for start in range(0, n, SITES):
        columns = start + tl.arange(0, SITES)
        real = columns < n
        raised = tl.load(heights + columns, mask=real, other=float("-inf"))
        scores = tl.zeros([SAMPLES, SITES], tl.float32)
        for part in tl.static_range(PARTS):
            k = part * CHUNK + tl.arange(0, CHUNK)
            left = tl.load(points + rows[:, None] * d + k[None, :], inside[:, None] & (k < d)[None, :], 0.0)
            right = tl.load(sites + columns[None, :] * d + k[:, None], real[None, :] & (k < d)[:, None], 0.0)
            scores += tl.dot(left, right, input_precision="tf32x3")
        largest = tl.max(tl.reshape(scores + raised[None, :], (SAMPLES, SITES // TILE, TILE)), axis=2)
        for _ in tl.static_range(3):  # no more than three of these tiles can be among the three best
            value = tl.max(largest, axis=1)
            place = tl.argmax(largest, axis=1).to(tl.int32)
            index = start // TILE + place
            above_best, above_second, above_third = value > best, value > second, value > third
            third_tile = tl.where(above_second, second_tile, tl.where(above_third, index, third_tile))
            third = tl.where(above_second, second, tl.where(above_third, value, third))
            second_tile = tl.where(above_best, best_tile, tl.where(above_second, index, second_tile))
            second = tl.where(above_best, best, tl.where(above_second, value, second))
            best_tile = tl.where(above_best, index, best_tile)
            best = tl.where(above_best, value, best)
            largest = tl.where(tiles[None, :] == place[:, None], float("-inf"), largest)
    tl.store(out + rows * 3, best_tile.to(tl.int64), mask=inside)
    tl.store(out + rows * 3 + 1, second_tile.to(tl.int64), mask=inside)
    tl.store(out + rows * 3 + 2, third_tile.to(tl.int64), mask=inside)
