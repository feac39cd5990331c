"""What a run writes of each pair: scores that come frame by frame, or why there are none."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..registry import Metric
from ._decode import Decoded
from ._pairs import Pair, listed, natural
from ._plan import Plan
from ._temporal import TEMPORAL


Row = dict[str, Any]


class Collector:
    """Scores until all frames of a pair have them, and notes on files."""

    def __init__(self, pairs: Sequence[Pair], metrics: Sequence[Metric], plan: Plan) -> None:
        self.pairs, self.metrics, self.plan = pairs, metrics, plan
        self._open: dict[int, dict[int, dict[str, float]]] = {}  # pair -> frame -> metric -> score
        self._failed: set[int] = set()
        self._notes: dict[str, dict[str, None]] = {}  # with the names of the files

    def add(self, image: Decoded, scores: Mapping[str, float]) -> list[Row]:
        """The row of the pair, if this was its last frame."""
        number, shape = image.place.pair, list(image.reference.shape)
        self._note(image)
        if number in self._failed:
            return []
        found = self._open.setdefault(number, {})
        found[image.place.frame] = {row.name: scores.get(row.name, np.nan) for row in self.metrics}
        count = self.plan.frames[number]
        if len(found) < count:
            return []
        del self._open[number]
        frames = {row.name: [found[frame][row.name] for frame in range(count)] for row in self.metrics}
        means = {name: _mean(name, values) for name, values in frames.items()}
        row = {**self._about(number), "shape": shape, "scores": means}
        return [row | {"frames": frames} if count > 1 else row]

    def fail(self, number: int, error: str) -> list[Row]:
        """The row of the pair, if it has not failed before."""
        if number in self._failed:
            return []
        self._failed.add(number)
        self._open.pop(number, None)
        return [{**self._about(number), "error": " ".join(error.split())}]

    def notes(self) -> list[str]:
        """What was done to files, each with the first of their names."""
        return [f"{listed(sorted(names, key=natural))}: {text}" for text, names in self._notes.items()]

    def _about(self, number: int) -> Row:
        pair = self.pairs[number]
        places = {"reference": str(pair.reference), "test": str(pair.test)}
        return {"method": pair.method, "name": pair.name, **places}

    def _note(self, image: Decoded) -> None:
        pair = self.pairs[image.place.pair]
        lacking = {row.name: row.misfit(image.reference.shape) for row in self.metrics}
        texts = [(pair.test.name, f"{name} is not computed: {words}.") for name, words in lacking.items() if words]
        if TEMPORAL in self.metrics and self.plan.frames[image.place.pair] == 1:
            texts.append((pair.test.name, f"{TEMPORAL.name} is not computed: it needs two frames."))
        for note in image.notes:
            name, _, text = note.partition(": ")
            texts.append((name, text))
        for name, text in texts:
            self._notes.setdefault(text, {})[name] = None


def _mean(name: str, scores: Sequence[float]) -> float:
    if name == TEMPORAL.name:
        scores = scores[1:]  # before the first frame there is none
    return float(np.mean(scores)) if scores else np.nan
