"""Tables of the applications: what is undefined is a dash."""

import math

from rich.console import Console

from jaxloss.cli._application_tables import delta_table, quality_table, rate_table
from jaxloss.evaluate import CodecDelta, RatePoint, summarize
from jaxloss.registry import METRICS


def lines(table: object) -> list[list[str]]:
    console = Console(width=120)
    with console.capture() as capture:
        console.print(table)
    return [line.split() for line in capture.get().splitlines() if line.strip()]


def test_deltas() -> None:
    defined = CodecDelta("webp", "jpeg", "psnr", -12.345, 1.5, 0.8, ())
    undefined = CodecDelta("avif", "jpeg", "mae", math.nan, math.nan, 0.0, ("why",))
    rows = lines(delta_table([defined, undefined], METRICS))
    assert rows[-2:] == [
        ["webp", "jpeg", "psnr", "↑", "-12.3", "%", "+1.5", "80", "%"],
        ["avif", "jpeg", "mae", "↓", "-", "-", "0", "%"],
    ]


def test_codec_is_named_once() -> None:
    points = [RatePoint(10, 0.05, {"mae": 0.2}), RatePoint(90, 0.5, {"mae": 0.0})]
    rows = lines(rate_table({"jpeg": points, "webp": points}, [METRICS["mae"]]))
    assert rows[2:] == [
        ["jpeg", "10", "0.0500", "0.2000"],
        ["90", "0.5000", "0.0000"],
        ["webp", "10", "0.0500", "0.2000"],
        ["90", "0.5000", "0.0000"],
    ]


def test_infinite_quality() -> None:
    found = summarize({"a.png": {"psnr": math.inf}}, metrics=["psnr"])
    assert lines(quality_table(found, METRICS))[-1] == ["psnr", "↑", "1", "inf", "-", "inf", "inf", "inf", "a.png"]
