"""The sum of 1 - SSIM and its gradient as one kernel, in NVIDIA Warp. Only `_fused_ssim` imports it: Warp is optional.

A block of threads owns a tile of pixels of one channel and computes all that their gradient depends on: the moments of
the windows that hold one of them, from the pixels of these windows. The images are read, the gradient is written, and
the maps between them never leave the chip.

    a  moments of pixels       side x side     side = tile + 2 halo
    b  filtered down           reach x side    reach = tile + halo
       moments of windows      reach x reach   in registers; the value is summed from them
    a  slopes by the moments   reach x reach
    b  filtered back, across   reach x tile
       and up                  tile x tile     in registers; the gradient is made from them

Each step reads one of two buffers and fills the other, so that one barrier after each is enough.
"""

import functools
import hashlib
import inspect
import math
import sys
from typing import Any

import warp as wp

from .._types import Array
from ..ops._filters import Taps


DIGEST = hashlib.sha256(inspect.getsource(sys.modules[__name__]).encode()).hexdigest()[:16]


class Weighted(wp.types.vector(length=5, dtype=wp.float32)):
    """The four moments times a weight, and the weight."""


@wp.struct
class Block:
    """The images, and the place of a block in them."""

    x: wp.array4d[wp.float32]
    y: wp.array4d[wp.float32]
    weight: wp.array4d[wp.float32]
    constants: wp.vec4  # c1, c2, middle, unbias
    image: wp.int32
    channel: wp.int32
    top: wp.int32  # of the first window, and so of its first pixel
    left: wp.int32
    tile: wp.int32  # pixels that it owns
    halo: wp.int32


@wp.func
def locate(
    x: wp.array4d[wp.float32],
    y: wp.array4d[wp.float32],
    weight: wp.array4d[wp.float32],
    constants: wp.array2d[wp.float32],
    index: wp.int32,
    tile: wp.int32,
    halo: wp.int32,
) -> Block:
    """Channels count fastest: the blocks that read the same cache lines run at the same time."""
    rows, columns = (x.shape[1] + tile - 1) // tile, (x.shape[2] + tile - 1) // tile
    place = index // x.shape[3]
    block = Block()
    block.x = x
    block.y = y
    block.weight = weight
    block.tile = tile
    block.halo = halo
    block.image = place // columns // rows
    block.top = place // columns % rows * tile - halo
    block.left = place % columns * tile - halo
    block.channel = index % x.shape[3]
    k = constants[block.image]
    block.constants = wp.vec4(k[0], k[1], k[2], k[3])
    return block


@wp.func
def in_image(row: wp.int32, column: wp.int32, block: Block) -> bool:
    return row >= 0 and column >= 0 and row < block.x.shape[1] and column < block.x.shape[2]


@wp.func
def moments_of_pixel(element: wp.int32, side: wp.int32, block: Block) -> wp.vec4:
    row, column = block.top + element // side, block.left + element % side
    if not in_image(row, column, block):
        return wp.vec4()
    middle = block.constants[2]
    x = block.x[block.image, row, column, block.channel]
    y = block.y[block.image, row, column, block.channel]
    difference = x - y
    x -= middle
    y -= middle
    return wp.vec4(x, y, x * x + y * y, difference * difference)


@wp.func
def weighted_moments_of_pixel(element: wp.int32, side: wp.int32, block: Block) -> Weighted:
    row, column = block.top + element // side, block.left + element % side
    if not in_image(row, column, block):
        return Weighted()
    m = moments_of_pixel(element, side, block)
    w = block.weight[block.image, row, column, block.channel]
    return Weighted(w * m[0], w * m[1], w * m[2], w * m[3], w)


@wp.func
def mean_of(m: Weighted) -> wp.vec4:
    if m[4] == 0.0:
        return wp.vec4()
    return wp.vec4(m[0], m[1], m[2], m[3]) / m[4]


@wp.func
def is_window(row: wp.int32, column: wp.int32, block: Block) -> bool:
    last = in_image(block.top + row + block.halo, block.left + column + block.halo, block)
    return last and in_image(block.top + row, block.left + column, block)


@wp.func
def center_weight(row: wp.int32, column: wp.int32, block: Block) -> wp.float32:
    middle = block.halo // 2
    return block.weight[block.image, block.top + row + middle, block.left + column + middle, block.channel]


@wp.func
def dissimilarity(mean: wp.vec4, k: wp.vec4) -> wp.float32:
    """One minus SSIM, in the form of `local_components`: exactly 0 for equal images."""
    difference = mean[0] - mean[1]
    mu_x, mu_y = mean[0] + k[2], mean[1] + k[2]
    luminance = 1.0 - difference * difference / (mu_x * mu_x + mu_y * mu_y + k[0])
    sigma_squares = k[3] * (mean[2] - mean[0] * mean[0] - mean[1] * mean[1])
    contrast = 1.0 - k[3] * (mean[3] - difference * difference) / (sigma_squares + k[1])
    return 1.0 - luminance * contrast


@wp.func
def slopes_of_window(mean: wp.vec4, k: wp.vec4) -> wp.vec4:
    """The derivative of `dissimilarity` by each mean."""
    difference = mean[0] - mean[1]
    mu_x, mu_y = mean[0] + k[2], mean[1] + k[2]
    ratio = difference / (mu_x * mu_x + mu_y * mu_y + k[0])
    sigma_below = k[3] * (mean[2] - mean[0] * mean[0] - mean[1] * mean[1]) + k[1]
    sigma_ratio = k[3] * (mean[3] - difference * difference) / sigma_below
    luminance, contrast = 1.0 - difference * ratio, 1.0 - sigma_ratio
    by_square = luminance * k[3] / sigma_below
    by_difference = 2.0 * (contrast * ratio - by_square * difference)
    by_x = by_difference - 2.0 * (contrast * ratio * ratio * mu_x - by_square * sigma_ratio * mean[0])
    by_y = -by_difference - 2.0 * (contrast * ratio * ratio * mu_y - by_square * sigma_ratio * mean[1])
    return wp.vec4(by_x, by_y, -by_square * sigma_ratio, by_square)


@wp.func
def value(m: wp.vec4, row: wp.int32, column: wp.int32, block: Block) -> wp.float32:
    # A window belongs to the block that owns its last pixel.
    if row >= block.tile or column >= block.tile or not is_window(row, column, block):
        return 0.0
    return dissimilarity(m, block.constants)


@wp.func
def weighted_value(m: Weighted, row: wp.int32, column: wp.int32, block: Block) -> wp.float32:
    if m[4] == 0.0 or not is_window(row, column, block):
        return 0.0
    return center_weight(row, column, block) * value(mean_of(m), row, column, block)


@wp.func
def slopes(m: wp.vec4, row: wp.int32, column: wp.int32, block: Block) -> wp.vec4:
    if not is_window(row, column, block):
        return wp.vec4()
    return slopes_of_window(m, block.constants)


@wp.func
def weighted_slopes(m: Weighted, row: wp.int32, column: wp.int32, block: Block) -> Weighted:
    if m[4] == 0.0 or not is_window(row, column, block):
        return Weighted()
    s = center_weight(row, column, block) / m[4] * slopes_of_window(mean_of(m), block.constants)
    return Weighted(s[0], s[1], s[2], s[3], 0.0)


@wp.func
def pull_back(s: wp.vec4, row: wp.int32, column: wp.int32, block: Block) -> wp.float32:
    """The gradient by a pixel of x, from the slopes of the windows that hold it."""
    r, c = block.top + block.halo + row, block.left + block.halo + column
    if not in_image(r, c, block):
        return 0.0
    x = block.x[block.image, r, c, block.channel]
    y = block.y[block.image, r, c, block.channel]
    return s[0] + 2.0 * ((x - block.constants[2]) * s[2] + (x - y) * s[3])


@wp.func
def weighted_pull_back(s: Weighted, row: wp.int32, column: wp.int32, block: Block) -> wp.float32:
    r, c = block.top + block.halo + row, block.left + block.halo + column
    if not in_image(r, c, block):
        return 0.0
    weight = block.weight[block.image, r, c, block.channel]
    return weight * pull_back(wp.vec4(s[0], s[1], s[2], s[3]), row, column, block)


PLAIN = (wp.vec4, moments_of_pixel, value, slopes, pull_back)
WEIGHTED = (Weighted, weighted_moments_of_pixel, weighted_value, weighted_slopes, weighted_pull_back)


@functools.cache
def make_kernel(taps: Taps, tile: int, threads: int, weighted: bool) -> Any:
    """From (x, y, weight, constants) to the sums of blocks, channels last, and the gradient by x."""
    halo, count = len(taps) - 1, len(taps)
    side, reach = tile + 2 * halo, tile + halo
    area, windows = side * side, reach * reach
    window = wp.types.vector(count, wp.float32)(*taps)
    kind, of_pixel, of_window, slopes_by, pull = WEIGHTED if weighted else PLAIN

    # Warp caches by source and constants, but does not see the functions that `tile_map` is given: the name tells them.
    name = f"ssim_{DIGEST}_{'weighted' if weighted else 'plain'}"

    @wp.kernel(launch_bounds=threads, enable_backward=False, module="unique", name=name)
    def kernel(
        x: wp.array4d[wp.float32],
        y: wp.array4d[wp.float32],
        weight: wp.array4d[wp.float32],
        constants: wp.array2d[wp.float32],
        total: wp.array4d[wp.float32],
        gradient: wp.array4d[wp.float32],
    ):
        index, _lane = wp.tid()
        block = locate(x, y, weight, constants, index, tile, halo)
        a = wp.tile_zeros(shape=area, dtype=kind, storage="shared")
        b = wp.tile_zeros(shape=(reach, side), dtype=kind, storage="shared")
        wp.tile_assign(a, wp.tile_map(of_pixel, wp.tile_arange(area, dtype=wp.int32), side, block))
        pixels = wp.tile_reshape(a, shape=(side, side))
        down = wp.tile_zeros(shape=(reach, side), dtype=kind)
        for t in range(count):
            down += window[t] * wp.tile_view(pixels, offset=(t, 0), shape=(reach, side))
        wp.tile_assign(b, down)
        m = wp.tile_zeros(shape=(reach, reach), dtype=kind)
        for t in range(count):
            m += window[t] * wp.tile_view(b, offset=(0, t), shape=(reach, reach))

        numbers = wp.tile_arange(reach, dtype=wp.int32, storage="shared")
        rows = wp.tile_broadcast(wp.tile_reshape(numbers, shape=(reach, 1)), shape=(reach, reach))
        columns = wp.tile_broadcast(numbers, shape=(reach, reach))
        s = wp.tile_reshape(wp.tile_view(a, offset=(0,), shape=(windows,)), shape=(reach, reach))
        wp.tile_assign(s, wp.tile_map(slopes_by, m, rows, columns, block))
        across = wp.tile_zeros(shape=(reach, tile), dtype=kind)
        for t in range(count):
            across += window[halo - t] * wp.tile_view(s, offset=(0, t), shape=(reach, tile))
        half = wp.tile_view(b, offset=(0, 0), shape=(reach, tile))
        wp.tile_assign(half, across)
        up = wp.tile_zeros(shape=(tile, tile), dtype=kind)
        for t in range(count):
            up += window[halo - t] * wp.tile_view(half, offset=(t, 0), shape=(tile, tile))

        rows_of_tile = wp.tile_view(rows, offset=(0, 0), shape=(tile, tile))
        columns_of_tile = wp.tile_view(columns, offset=(0, 0), shape=(tile, tile))
        out = wp.tile_reshape(wp.tile_map(pull, up, rows_of_tile, columns_of_tile, block), shape=(1, tile, tile, 1))
        corner = (block.image, block.top + halo, block.left + halo, block.channel)
        wp.tile_store(gradient, out, offset=corner)
        sums = wp.tile_sum(wp.tile_map(of_window, m, rows, columns, block))
        place = (block.image, corner[1] // tile, corner[2] // tile, block.channel)
        wp.tile_store(total, wp.tile_reshape(sums, shape=(1, 1, 1, 1)), offset=place)

    return kernel


def launch(
    taps: Taps, tile: int, channels: int, threads: int, constants: Array, x: Array, y: Array, *weight: Array
) -> list[Array]:
    """The sums `[n, channels]` and the gradient by x, of images `[n, h, w * channels]`."""
    n, height, width = x.shape
    shape = n, height, width // channels, channels
    blocks = n, -(-height // tile), -(-shape[2] // tile), channels
    call = wp.jax_kernel(make_kernel(taps, tile, threads, bool(weight)), num_outputs=2, block_dim=threads)
    images = [z.reshape(shape) for z in (x, y, *(weight or (x,)))]
    total, gradient = call(
        *images,
        constants,
        launch_dims=(math.prod(blocks), threads),
        output_dims={"total": blocks, "gradient": shape},
    )
    return [total.sum(axis=(1, 2)), gradient.reshape(x.shape)]
