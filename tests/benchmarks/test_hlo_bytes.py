"""Bytes of arrays with the padding of tiles, and what kernels touch of them."""

import pytest

from benchmarks._hlo import ENTRY, parse
from benchmarks._hlo_bytes import arrays, copied_bytes, kernel_bytes, padding_of, slice_bytes


@pytest.mark.parametrize(
    ("shape", "logical", "physical", "in_hbm"),
    [
        ("f32[8,256,256,3]{3,2,1,0}", 6291456, 6291456, True),  # a GPU has no tiles
        ("f32[8,256,256,3]{3,2,1,0:T(8,128)}", 6291456, 8 * 256 * 256 * 128 * 4, True),  # channels in the lanes
        ("f32[8,256,256,3]{2,1,3,0:T(8,128)}", 6291456, 6291456, True),
        ("f32[3,196,3830]{2,1,0:T(8,128)S(1)}", 3 * 196 * 3830 * 4, 3 * 200 * 3840 * 4, False),
        ("bf16[3,5]{1,0:T(8,128)(2,1)}", 30, 8 * 128 * 2, True),
        ("f32[11]{0:T(128)}", 44, 512, True),
        ("pred[]{:T(512)}", 1, 1, True),
        ("f32[]", 4, 4, True),
    ],
)
def test_array_takes_whole_tiles(shape: str, logical: int, physical: int, in_hbm: bool) -> None:
    (array,) = arrays(shape)
    assert array == (logical, physical, in_hbm)
    assert array.hbm == physical * in_hbm


def test_padding_is_that_of_large_arrays() -> None:
    shape = "(f32[11]{0:T(128)}, f32[100,64]{1,0:T(8,128)})"
    assert padding_of(shape, large=1024) == 104 * 128 / (100 * 64)
    assert padding_of(shape, large=1) == 128 / 11
    assert padding_of(shape, large=2**20) == 1


PROGRAM = """\
%read_rows (p0: f32[90,100], p1: s32[]) -> f32[10,100] {
  %p0 = f32[90,100]{1,0} parameter(0)
  %p1 = s32[] parameter(1)
  %zero = s32[] constant(0)
  %same = f32[90,100]{1,0} bitcast(%p0)
  %row = f32[10,100]{1,0} dynamic-slice(%same, %p1, %zero), dynamic_slice_sizes={10,100}
  %fixed = f32[10,100]{1,0} slice(%p0), slice={[0:10], [0:100]}
  ROOT %sum = f32[10,100]{1,0} add(%row, %fixed)
}

%write_rows (p0: f32[90,100], p1: f32[10,100], p2: s32[]) -> f32[90,100] {
  %p0 = f32[90,100]{1,0} parameter(0)
  %p1 = f32[10,100]{1,0} parameter(1)
  %p2 = s32[] parameter(2)
  %zero = s32[] constant(0)
  %new = f32[90,100]{1,0} dynamic-update-slice(%p0, %p1, %p2, %zero)
  ROOT %named = f32[90,100]{1,0} bitcast(%new)
}

%mixed (p0: f32[90,100]) -> f32[90,100] {
  %p0 = f32[90,100]{1,0} parameter(0)
  %few = f32[10,100]{1,0} slice(%p0), slice={[0:10], [0:100]}
  %wide = f32[90,100]{1,0} pad(%few, %p0), padding=0_80x0_0
  ROOT %sum = f32[90,100]{1,0} add(%wide, %p0)
}

ENTRY %main (x: f32[90,100], i: s32[]) -> f32[90,100] {
  %x = f32[90,100]{1,0} parameter(0)
  %i = s32[] parameter(1)
  %fast = f32[90,100]{1,0:T(8,128)S(1)} copy(%x)
  %reads = f32[10,100]{1,0} fusion(%x, %i), kind=kLoop, calls=%read_rows
  %writes = f32[90,100]{1,0} fusion(%x, %reads, %i), kind=kLoop, calls=%write_rows
  %twice = f32[90,100]{1,0} fusion(%x), kind=kLoop, calls=%mixed
  %alone = f32[90,100]{1,0} dynamic-update-slice(%x, %reads, %i, %i)
  %far = f32[10,100]{1,0} dynamic-slice(%fast, %i, %i), dynamic_slice_sizes={10,100}
  %square = f32[90,100]{1,0} multiply(%x, %x)
  %start = (f32[90,100]{1,0}, f32[90,100]{1,0:T(8,128)S(1)}, u32[]) copy-start(%x)
}
"""
WHOLE, ROWS, INDEX = 36000, 4000, 4


@pytest.mark.parametrize(
    ("kernel", "of_arrays", "of_slices"),
    [
        ("square", 2 * WHOLE, 2 * WHOLE),  # its operand counts once
        ("reads", WHOLE + INDEX + ROWS, 2 * ROWS + INDEX + ROWS),
        ("writes", 2 * WHOLE + ROWS + INDEX, ROWS + INDEX + ROWS),
        ("twice", 2 * WHOLE, 2 * WHOLE),
        ("alone", 2 * WHOLE + ROWS + INDEX, ROWS + INDEX + ROWS),
        ("far", INDEX + ROWS, INDEX + ROWS),  # out of the fast memory
        ("fast", WHOLE, WHOLE),
    ],
)
def test_kernel_moves_arrays_and_touches_slices(kernel: str, of_arrays: int, of_slices: int) -> None:
    computations = parse(PROGRAM)
    instruction = computations[ENTRY][kernel]
    assert kernel_bytes(computations[ENTRY], instruction) == of_arrays
    assert slice_bytes(computations, computations[ENTRY], instruction) == of_slices


def test_copy_between_memories_moves_its_target() -> None:
    assert copied_bytes(parse(PROGRAM)[ENTRY]["start"]) == 96 * 128 * 4
