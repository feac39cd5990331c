"""How often the body of a loop runs."""

import pytest

from benchmarks._hlo import ENTRY, parse
from benchmarks._hlo_loops import loop_trips, running


KNOWN = ', backend_config={"known_trip_count":{"n":"5"},"known_init_step":{"init":"0","step":"1"}}'


def program(start: str = "constant(0)", limit: str = "constant(11)", step: str = "constant(1)", known: str = "") -> str:
    """A loop as a TPU's compiler prints it; limit and step may be elements of what it carries."""
    carried = "(s32[], f32[4], s32[])"
    return f"""\
%body (state: {carried}) -> {carried} {{
  %state = {carried} parameter(0)
  %i = s32[] get-tuple-element(%state), index=0
  %z = f32[4] get-tuple-element(%state), index=1
  %kept = s32[] get-tuple-element(%state), index=2
  %step = s32[] {step}
  %same = s32[] copy(%i)
  %next = s32[] add(%same, %step)
  %new = f32[4] add(%z, %z)
  ROOT %out = {carried} tuple(%next, %new, %kept)
}}

%condition (state: {carried}) -> pred[] {{
  %state = {carried} parameter(0)
  %i = s32[] get-tuple-element(%state), index=0
  %limit = s32[] {limit}
  ROOT %lt = pred[] compare(%i, %limit), direction=LT
}}

ENTRY %main (x: f32[4], n: s32[]) -> f32[4] {{
  %x = f32[4] parameter(0)
  %n = s32[] parameter(1)
  %start = s32[] {start}
  %first = s32[] copy(%start)
  %three = s32[] constant(3)
  %begin = {carried} tuple(%first, %x, %three)
  %while.1 = {carried} while(%begin), condition=%condition, body=%body{known}
  ROOT %last = f32[4] get-tuple-element(%while.1), index=1
}}
"""


@pytest.mark.parametrize(
    ("given", "trips"),
    [
        ({}, 11),
        ({"known": KNOWN}, 5),
        ({"start": "constant(1)"}, 10),
        ({"step": "constant(4)"}, 3),
        ({"limit": "get-tuple-element(%state), index=2"}, 3),
        ({"step": "get-tuple-element(%state), index=2"}, 4),
        ({"limit": "get-tuple-element(%state), index=0"}, None),  # a limit that moves
        ({"start": "negate(%n)"}, None),
        ({"step": "negate(%i)"}, None),
    ],
)
def test_trips_are_what_the_condition_says(given: dict[str, str], trips: int | None) -> None:
    computations = parse(program(**given))
    assert loop_trips(computations, ENTRY, computations[ENTRY]["while.1"]) == trips
    times = {name: (times, is_known) for name, times, is_known in running(computations)}
    assert times == {ENTRY: (1, True), "body": (trips or 1, trips is not None)}


def test_calls_and_branches_run() -> None:
    text = """\
%called (a: f32[]) -> f32[] {
  ROOT %a = f32[] parameter(0)
}

%left.1 (a: f32[]) -> f32[] {
  ROOT %a = f32[] parameter(0)
}

%right.1 (a: f32[]) -> f32[] {
  ROOT %a = f32[] parameter(0)
}

ENTRY %main (x: f32[], i: s32[]) -> f32[] {
  %x = f32[] parameter(0)
  %i = s32[] parameter(1)
  %y = f32[] call(%x), to_apply=%called
  ROOT %z = f32[] conditional(%i, %y, %y), branch_computations={%left.1, %right.1}
}
"""
    assert sorted(running(parse(text))) == [(name, 1, True) for name in (ENTRY, "called", "left.1", "right.1")]
