"""Programs as XLA prints them, taken apart."""

from benchmarks._hlo import ENTRY, parse, root_of


TEXT = """\
HloModule jit_f, is_scheduled=true, entry_computation_layout={(f32[8]{0})->f32[8]{0}}

%fused_add (param_0: f32[8]) -> f32[8] {
  %param_0 = f32[8]{0:T(128)} parameter(0)
  ROOT %add.1 = f32[8]{0:T(128)} add(%param_0, %param_0), metadata={op_name="jit(f)/add"}
}

ENTRY %main.2 (x: f32[8]) -> (f32[8], f32[8]) {
  %x = f32[8]{0:T(128)} parameter(0), metadata={op_name="x"}
  %loop.fusion-1 = (f32[8]{0:T(128)S(1)}, /*index=1*/f32[8]{0}) fusion(%x, %x), kind=kLoop, calls=%fused_add
  ROOT %tuple.3 = (f32[8]{0}, f32[8]{0}) tuple(%loop.fusion-1, %x)
}
"""


def test_instructions_have_their_parts() -> None:
    computations = parse(TEXT)
    assert list(computations) == ["fused_add", ENTRY]
    fusion = computations[ENTRY]["loop.fusion-1"]
    assert (fusion.op, fusion.operands, fusion.is_root) == ("fusion", ("x", "x"), False)
    assert fusion.shape == "(f32[8]{0:T(128)S(1)}, f32[8]{0})"
    assert (fusion.attribute("calls"), fusion.attribute("kind"), fusion.attribute("index")) == (
        "fused_add",
        "kLoop",
        "",
    )
    root = root_of(computations[ENTRY])
    assert root is not None and root.operands == ("loop.fusion-1", "x")
    assert root_of({}) is None
