"""Bjøntegaard deltas against the package `bjontegaard`."""

import numpy as np
import pytest

from jaxloss.evaluate import bd_metric, bd_rate
from tests.parity._peers import foreign_code, peer


@pytest.mark.parametrize("method", ["akima", "cubic", "pchip"])
def test_deltas(method: str, rng: np.random.Generator) -> None:
    bjontegaard = peer("bjontegaard")
    for count in (4, 4, 5, 9):
        curves = []
        for shift in (0, 0.4):
            rates = np.cumsum(rng.uniform(0.1, 1, count))
            curves += [rates, 28 + shift + np.cumsum(rng.uniform(0.5, 2, count))]
        options = {"method": method, "min_overlap": 0}
        with foreign_code():
            rate, metric = bjontegaard.bd_rate(*curves, **options), bjontegaard.bd_psnr(*curves, **options)
        assert bd_rate(*curves, method=method) == pytest.approx(rate, rel=1e-7)
        assert bd_metric(*curves, method=method) == pytest.approx(metric, rel=1e-7)
