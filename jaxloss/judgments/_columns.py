"""What was measured and said of the same trials, as columns of numbers of one length."""

from collections.abc import Sequence

import numpy as np

from .._checks import error_text
from .._types import ArrayLike


Column = ArrayLike | Sequence[float]  # [n]


def check_columns(name: str, *, least: int = 1, infinite: bool = False, **given: Column) -> list[np.ndarray]:
    """Each as `[n]`, float64: of one length of at least `least`, without NaN, and infinite only where order counts."""
    columns = {argument: np.asarray(column, np.float64) for argument, column in given.items()}
    names, shapes = " and ".join(columns), [column.shape for column in columns.values()]
    if any(len(shape) != 1 for shape in shapes) or len(set(shapes)) > 1:
        got = " and ".join(map(str, shapes))
        raise ValueError(error_text(name, f"{names} of one shape [n]", got, "One number for each trial, in one order."))
    if shapes[0][0] < least:
        expected = f"at least {least} trial{'s' if least > 1 else ''}"
        raise ValueError(error_text(name, expected, shapes[0][0], f"Give longer {names}."))
    for argument, column in columns.items():
        wrong = np.isnan(column) if infinite else ~np.isfinite(column)
        if wrong.any():
            place = int(np.argmax(wrong))
            expected = f"{argument} without NaN" if infinite else f"finite {argument}"
            raise ValueError(error_text(name, expected, f"{column[place]} at {place}", "Leave such trials out."))
    return list(columns.values())


def check_shares(name: str, argument: str, column: np.ndarray) -> None:
    """Shares of people lie in [0, 1]."""
    if column.min() < 0 or column.max() > 1:
        got = f"values from {column.min():g} to {column.max():g}"
        way_out = "It is a share of people: (h + 1) / 2 for a judgment h in [-1, 1]."
        raise ValueError(error_text(name, f"{argument} in [0, 1]", got, way_out))


def check_varies(name: str, **columns: np.ndarray) -> None:
    """A column that is everywhere the same goes with nothing."""
    for argument, column in columns.items():
        if np.ptp(column) == 0:
            way_out = "Where nothing varies, nothing can vary with it."
            raise ValueError(error_text(name, f"{argument} that vary", f"{column[0]:g} throughout", way_out))
