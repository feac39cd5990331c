"""Kernels of a compiled program, and what they take."""

import pytest

from benchmarks._hlo_kernels import read_program


LOOP = """\
%fused (p: f32[1000]) -> f32[1000] {
  %p = f32[1000]{0} parameter(0)
  ROOT %square = f32[1000]{0} multiply(%p, %p)
}

%body (state: (s32[], f32[1000])) -> (s32[], f32[1000]) {
  %state = (s32[], f32[1000]{0}) parameter(0)
  %i = s32[] get-tuple-element(%state), index=0
  %z = f32[1000]{0} get-tuple-element(%state), index=1
  %new = f32[1000]{0} fusion(%z), kind=kLoop, calls=%fused, backend_config={COST}
  ROOT %out = (s32[], f32[1000]{0}) tuple(%i, %new)
}

%condition (state: (s32[], f32[1000])) -> pred[] {
  %state = (s32[], f32[1000]{0}) parameter(0)
  ROOT %go = pred[] custom-call(%state), custom_call_target="ask"
}

ENTRY %main (x: f32[1000]) -> f32[1000] {
  %x = f32[1000]{0} parameter(0)
  %space = f32[1000]{0} custom-call(), custom_call_target="AllocateBuffer"
  %zero = s32[] constant(0)
  %begin = (s32[], f32[1000]{0}) tuple(%zero, %x)
  %while.1 = (s32[], f32[1000]{0}) while(%begin), condition=%condition, body=%bodyTRIPS
  %last = f32[1000]{0} get-tuple-element(%while.1), index=1
  %everywhere = f32[1000]{0} all-reduce-start(%last), to_apply=%fused
  %copied = (f32[1000]{0}, f32[1000]{0:T(1024)S(1)}, u32[]) copy-start(%last)
  ROOT %library = f32[1000]{0} custom-call(%last), custom_call_target="__cudnn$conv"
}
"""
TRIPS = ', backend_config={"known_trip_count":{"n":"7"}}'


@pytest.mark.parametrize(
    ("cost", "estimate"),
    [('{"estimated_cycles":"120"}', 120.0), ('{"reification_cost":[{"exec_time_us":1.5e-1}]}', 0.15), ("{}", None)],
)
def test_kernels_of_loops_count_every_trip(cost: str, estimate: float | None) -> None:
    reading = read_program(LOOP.replace("COST", cost).replace("TRIPS", TRIPS), large=1)
    found = {kernel.name: kernel[1:] for kernel in reading.kernels}
    assert found == {
        "new": ("fusion", 7, 8000, 8000, estimate),
        "everywhere": ("all-reduce-start", 1, 8000, 8000, None),
        "copied": ("copy-start", 1, 4096, 4096, None),
        "library": ("custom-call", 1, 8000, 8000, None),
    }
    assert (reading.collectives, reading.unknown_loops, reading.padding) == (1, 0, 1.024)


def test_loop_without_a_number_of_trips_counts_once() -> None:
    reading = read_program(LOOP.replace("COST", "{}").replace("TRIPS", ""), large=10**6)
    assert {kernel.times for kernel in reading.kernels} == {1}
    assert (reading.unknown_loops, reading.padding) == (1, 1.0)
