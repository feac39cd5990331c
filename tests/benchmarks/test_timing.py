"""The timer on a clock of its own: turns, blocking, what counts."""

import gc

import pytest

from benchmarks._timing import Contestant, race


TICK = 1 / 64  # exact in binary


@pytest.fixture(autouse=True)
def no_collection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before each race, which takes most of a second among the objects of a whole run of tests."""
    monkeypatch.setattr(gc, "collect", lambda: 0)


class FakeClock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Result:
    """A result that is computed when one waits for it."""

    def __init__(self, clock: FakeClock, seconds: float) -> None:
        self.clock, self.seconds = clock, seconds

    def block_until_ready(self) -> "Result":
        self.clock.now += self.seconds
        return self


def contestant(name: str, seconds: float, clock: FakeClock, log: list[str]) -> Contestant:
    """Takes `seconds` in a run, and one more tick when another contestant ran before."""

    def function() -> Result:
        disturbed = bool(log) and log[-1] != name
        log.append(name)
        return Result(clock, seconds + disturbed * TICK)

    return Contestant(function)


def test_contestants_take_turns() -> None:
    clock, log = FakeClock(), []
    contestants = {name: contestant(name, 1.0, clock, log) for name in "abc"}
    timings = race(contestants, seconds=0, rounds=3, clock=clock)
    assert "".join(log) == "abc" + 3 * "abc"  # the first round warms up
    assert [timing.runs for timing in timings.values()] == [3, 3, 3]


def test_timer_blocks() -> None:
    clock = FakeClock()
    timings = race({"a": contestant("a", 2.0, clock, [])}, seconds=0, rounds=1, clock=clock)
    assert timings["a"].median == 2.0


def test_fast_contestants_settle_before_they_count() -> None:
    clock, log = FakeClock(), []
    contestants = {name: contestant(name, TICK, clock, log) for name in "ab"}
    timings = race(contestants, seconds=0, rounds=4, clock=clock)
    assert (timings["a"].low, timings["a"].median, timings["a"].high) == (TICK, TICK, TICK)
    assert 1 < timings["a"].runs < log.count("a") - 4


def test_failing_contestant_is_reported_and_left_out() -> None:
    clock, failures = FakeClock(), []

    def fail() -> None:
        raise ValueError("too large")

    contestants = {"a": Contestant(fail), "b": contestant("b", 1.0, clock, [])}
    timings = race(
        contestants,
        seconds=0,
        rounds=1,
        clock=clock,
        on_failure=lambda name, error: failures.append((name, str(error))),
    )
    assert failures == [("a", "too large")]
    assert list(timings) == ["b"]
    with pytest.raises(ValueError, match="too large"):
        race(contestants, seconds=0, rounds=1, clock=clock)


def test_race_lasts_its_seconds() -> None:
    clock = FakeClock()
    timings = race({"a": contestant("a", 1.0, clock, [])}, seconds=9.5, rounds=1, clock=clock)
    assert timings["a"].runs == 10


def test_quartiles() -> None:
    clock, seconds = FakeClock(), iter([9.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    timings = race({"a": Contestant(lambda: Result(clock, next(seconds)))}, seconds=0, rounds=5, clock=clock)
    assert (timings["a"].low, timings["a"].median, timings["a"].high) == (2.0, 3.0, 4.0)


def test_preparation_is_not_timed() -> None:
    clock = FakeClock()
    slow_start = Contestant(lambda: Result(clock, 1.0), prepare=lambda: Result(clock, 50.0).block_until_ready())
    assert race({"a": slow_start}, seconds=0, rounds=2, clock=clock)["a"].high == 1.0


def test_no_garbage_is_collected_meanwhile() -> None:
    clock, enabled = FakeClock(), []

    def function() -> Result:
        enabled.append(gc.isenabled())
        return Result(clock, 1.0)

    race({"a": Contestant(function)}, seconds=0, rounds=2, clock=clock)
    assert enabled == [True, False, False]
    assert gc.isenabled()


def test_arguments_reach_the_function() -> None:
    clock, seen = FakeClock(), []

    def function(*arguments: int) -> Result:
        seen.append(arguments)
        return Result(clock, 1.0)

    race({"a": Contestant(function, (1, 2))}, seconds=0, rounds=1, clock=clock)
    assert seen == [(1, 2), (1, 2)]
