"""One row per metric of sets, as the registry has them for metrics of images."""

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ._diversity import (
    inception_score,
    inception_score_of,
    init_inception_score,
    update_inception_score,
    vendi_score,
)
from ._frechet import frechet_distance
from ._kernels import kid, mmd
from ._moments import init_moments, update_moments
from ._neighbors import density_coverage, precision_recall
from ._score import frechet_score


@dataclass(frozen=True, kw_only=True)
class Streaming:
    """How a metric of sets comes batch by batch: the state is a pytree, and two of them `jaxloss.sets.merge`.

    Attributes:
        init: `init(dimension)`, the state of an empty set.
        update: `update(state, features, mask=...)`, the state with a batch more.
        compute: `compute(state)`, or with a reference `compute(state, reference)`, the score.
    """

    init: Callable[..., Any]
    update: Callable[..., Any]
    compute: Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class SetMetric:
    """What one can know of a metric of sets without calling it. What follows from the function is read off it.

    Attributes:
        function: Of features `[n, d]`: `function(x, y, ...)`, `function(x, ...)`, or with a key first.
        paper: Where it was defined.
        agrees_with: Implementations that give the same number, in words for a table.
        better: Which way is better.
        lowest: Lower end of the range of scores.
        highest: Upper end.
        perfect: The score of equal sets, NaN where there is none.
        streaming: Its functions for features that come batch by batch, where a state of fixed size will do.
    """

    function: Callable[..., Any]
    paper: str
    agrees_with: str
    better: Literal["higher", "lower"] = "lower"
    lowest: float = 0
    highest: float = math.inf
    perfect: float = math.nan
    streaming: Streaming | None = None

    @property
    def name(self) -> str:
        return self.function.__name__

    @property
    def reference(self) -> bool:
        """Whether it compares with a second set."""
        return "y" in inspect.signature(self.function).parameters

    @property
    def random(self) -> bool:
        """Whether it takes a key."""
        return "key" in inspect.signature(self.function).parameters


SETS: dict[str, SetMetric] = {
    row.name: row
    for row in (
        SetMetric(
            function=frechet_distance, paper="Heusel 2017", agrees_with="pytorch-fid, torch-fidelity", perfect=0,
            streaming=Streaming(init=init_moments, update=update_moments, compute=frechet_score),
        ),
        SetMetric(
            function=kid, paper="Bińkowski 2018", agrees_with="torch-fidelity, on the same subsets", lowest=-math.inf,
        ),
        SetMetric(
            function=mmd, paper="Gretton 2012", agrees_with="torch-fidelity; CMMD by its formula", lowest=-math.inf,
        ),
        SetMetric(
            function=precision_recall, paper="Kynkäänniemi 2019", agrees_with="torch-fidelity", better="higher",
            highest=1, perfect=1,
        ),
        SetMetric(
            function=density_coverage, paper="Naeem 2020", agrees_with="prdc (the authors' package)", better="higher",
            perfect=1,
        ),
        SetMetric(
            function=inception_score, paper="Salimans 2016", agrees_with="torch-fidelity, without shuffling",
            better="higher", lowest=1,
            streaming=Streaming(
                init=init_inception_score, update=update_inception_score, compute=inception_score_of
            ),
        ),
        SetMetric(function=vendi_score, paper="Friedman 2023", agrees_with="the paper", better="higher", lowest=1),
    )
}  # fmt: skip
"""Name to row, in reading order; `jaxloss.registry` has it as well."""
