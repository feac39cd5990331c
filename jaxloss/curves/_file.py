"""Curves of a loss over the reconstructed share as CSV: one row per measurement, read back with every row checked."""

import os
from collections.abc import Mapping, Sequence

import numpy as np

from .._files import InputError, read_csv
from ..evaluate._formats import csv_text
from ..sde import CONDITIONS, Curve


COLUMNS = ("condition", "curve", "share", "loss")

# Condition -> name of the curve -> curve.
Curves = Mapping[str, Mapping[str, Curve]]


def curves_csv(curves: Curves) -> str:
    """Curves as CSV with a header; `read_curves` reads it back, to six digits.

    Args:
        curves: Condition to name to `Curve`.

    Returns:
        The text, without a newline in the end.

    Example:
        >>> import numpy as np
        >>> from jaxloss.curves import curves_csv
        >>> from jaxloss.sde import Curve
        >>> print(curves_csv({"baseline": {"cat, seed 0": Curve(np.array([0.1, 0.2]), np.array([0.6, 0.5]))}}))
        condition,curve,share,loss
        baseline,"cat, seed 0",0.1,0.6
        baseline,"cat, seed 0",0.2,0.5
    """
    return csv_text(
        COLUMNS,
        (
            (condition, name, f"{share:.6g}", f"{loss:.6g}")
            for condition, by_name in curves.items()
            for name, curve in by_name.items()
            for share, loss in zip(np.asarray(curve.share), np.asarray(curve.loss), strict=True)
        ),
    )


def read_curves(path: str | os.PathLike[str]) -> dict[str, dict[str, Curve]]:
    """Read curves from a CSV file with the columns condition, curve, share and loss; others are ignored.

    Args:
        path: Each row is one measurement: `condition` is `"baseline"`, `"reference"`, `"prompt"` or `"both"`, `curve`
            any name, the same for all rows of a curve, `share` in [0, 1], increasing along the curve, and `loss` > 0.

    Returns:
        Condition to name to `Curve`, float64, in the order of the file.

    Raises:
        InputError: If the file cannot be read, a column is missing, or a row is not as it should be, with its line.

    Example:
        >>> import pathlib, tempfile
        >>> from jaxloss.curves import read_curves
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "curves.csv")
        ...     size = path.write_text("condition,curve,share,loss\\nprompt,cat,0.1,0.6\\nprompt,cat,0.3,0.5\\n")
        ...     curves = read_curves(path)
        >>> print(curves["prompt"]["cat"].loss)
        [0.6 0.5]
    """
    found: dict[str, dict[str, tuple[list[float], list[float]]]] = {}
    for row in read_csv(path, COLUMNS, "measurements"):
        condition, name = row.text("condition"), row.text("curve")
        check_conditions([condition], f"{row.where}: ")
        shares, losses = found.setdefault(condition, {}).setdefault(name, ([], []))
        shares.append(_share(row.where, row.number("share"), name, shares))
        losses.append(_loss(row.where, row.number("loss")))
    return {
        condition: {name: Curve(np.array(shares), np.array(losses)) for name, (shares, losses) in by_name.items()}
        for condition, by_name in found.items()
    }


def check_conditions(names: Sequence[str], where: str = "") -> None:
    if not names:
        raise InputError(f"{where}no condition is chosen. The conditions are {', '.join(CONDITIONS)}.")
    for name in names:
        if name not in CONDITIONS:
            raise InputError(f"{where}no condition {name!r}. The conditions are {', '.join(CONDITIONS)}.")


def _share(where: str, share: float, name: str, before: list[float]) -> float:
    if not 0 <= share <= 1:
        raise InputError(f"{where}: share is {share:g}; it has to lie in [0, 1]. Divide percentages by 100.")
    if before and share <= before[-1]:
        raise InputError(
            f"{where}: share is {share:g} after {before[-1]:g} in the curve {name!r}. "
            "Sort each curve by share, and merge the losses of equal shares into one."
        )
    return share


def _loss(where: str, loss: float) -> float:
    if loss <= 0:
        raise InputError(
            f"{where}: loss is {loss:g}; it has to be above 0, which geometric Brownian motion never reaches. "
            "Begin where the image first differs from the target, and leave out losses of 0."
        )
    return loss
