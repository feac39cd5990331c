"""The least time that a metric can take."""

from benchmarks._roofline import Rates, Work, floor_seconds


def test_floor_is_the_longer_of_arithmetic_and_memory() -> None:
    rates = Rates(multiply_adds=100.0, transfers=10.0)
    assert floor_seconds(Work(multiply_adds=50, transfers=2), rates, pixels=4) == 2.0
    assert floor_seconds(Work(multiply_adds=5, transfers=2), rates, pixels=4) == 0.8
