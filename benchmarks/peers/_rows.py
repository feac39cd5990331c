"""A row of the table of peers."""

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import numpy as np


# The module of the library, and batches x and y of values in [0, 1] as its framework has them -> scores, or their mean.
Call = Callable[[Any, Any, Any], Any]


@dataclass(frozen=True)
class Peer:
    """A metric of another library.

    Attributes:
        library: A key of `LIBRARIES`.
        metric: The name of the same metric in the registry.
        call: How it is called.
        ours: With which arguments our metric returns its number.
        race: Whether it takes part in races: not what computes something else than our defaults, or is no function of
            the library's own.
        tolerance: Of scores, absolute; where they have no scale, also relative.
        slope_tolerance: Of the gradient, relative, in norm.
        precision: In which it is computed for comparison: on easy pairs, and on those with flat regions and inverted
            colors, which cost many libraries digits in float32; "" to leave those out.
        mended: `mended(gradient, x, y)`, the gradient where its own is open to taste or wrong: NaN is not compared.
    """

    library: str
    metric: str
    call: Call
    _: KW_ONLY
    ours: Mapping[str, Any] = field(default_factory=dict, hash=False)
    race: bool = True
    tolerance: float = 1e-5
    slope_tolerance: float = 1e-4
    precision: tuple[str, str] = ("float32", "float64")
    mended: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray] | None = None

    def __str__(self) -> str:
        return f"{self.metric}-{self.library}"
