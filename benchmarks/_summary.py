"""What the measurements of `metrics.py` say: ours against the fastest peer and against the floor."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from ._results import Record, Run


OURS, FLOOR = "jaxloss", "floor"
MODES = {"value": "value", "value_and_grad": "value and gradient"}


class Question(NamedTuple):
    """What the contestants of one race computed."""

    metric: str
    size: str
    dtype: str
    mode: str
    device: str


@dataclass(frozen=True)
class Answer:
    """One race: milliseconds of each contestant, and the run that it was part of."""

    question: Question
    milliseconds: dict[str, float]
    about: Record

    @property
    def ours(self) -> float:
        return self.milliseconds[OURS]

    @property
    def peers(self) -> dict[str, float]:
        return {name: time for name, time in self.milliseconds.items() if name != FLOOR and not name.startswith(OURS)}

    @property
    def fastest_peer(self) -> str | None:
        return min(self.peers, key=self.peers.__getitem__, default=None)

    @property
    def speedup(self) -> float | None:
        """How many times faster than the fastest peer."""
        return None if self.fastest_peer is None else self.peers[self.fastest_peer] / self.ours

    @property
    def above_floor(self) -> float | None:
        """How many times slower than the machine would allow."""
        return self.ours / self.milliseconds[FLOOR] if FLOOR in self.milliseconds else None


def answers(runs: Iterable[Run]) -> list[Answer]:
    """Of runs, oldest first: where several asked the same, the newest answers. A race is never mixed from two runs."""
    newest: dict[Question, Answer] = {}
    for run in runs:
        races: dict[Question, dict[str, float]] = {}
        for record in run.measurements:
            question = question_of(record, run.about["device"])
            races.setdefault(question, {})[record["contestant"]] = record["median_ms"]
        newest |= {q: Answer(q, times, run.about) for q, times in races.items() if OURS in times}
    return list(newest.values())


def question_of(record: Record, device: str) -> Question:
    return Question(record["metric"], record["size"], record["dtype"], record["mode"], device)


HEADINGS = ("metric", "images", "what", "jaxloss, ms", "fastest peer", "its ms", "faster by", "above floor")


def cells(answer: Answer) -> tuple[str, ...]:
    """A row under `HEADINGS`."""
    question, peer = answer.question, answer.fastest_peer
    dtype = "" if question.dtype == "float32" else f" {question.dtype}"
    return (
        question.metric,
        question.size + dtype,
        MODES[question.mode],
        significant(answer.ours),
        peer or "none",
        significant(answer.peers[peer]) if peer else "",
        times(answer.speedup),
        times(answer.above_floor),
    )


def times(ratio: float | None) -> str:
    return "" if ratio is None else f"{significant(ratio)} ×"


def significant(value: float) -> str:
    """Two digits or all before the point, no exponent."""
    digits = 0 if value >= 10 else 1 if value >= 1 else 2 if value >= 0.1 else 3
    return f"{value:.{digits}f}"
