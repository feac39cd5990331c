"""What is wrong with columns is said: which, where, and what to do."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.judgments._columns import check_columns, check_shares, check_varies


def test_columns_come_in_several_forms() -> None:
    columns = check_columns("f", first=[1, 2], second=np.array([True, False]), third=jnp.array([0.5, 1]))
    assert [column.dtype for column in columns] == [np.float64] * 3
    np.testing.assert_array_equal(columns, [[1, 2], [1, 0], [0.5, 1]])
    assert check_columns("f", infinite=True, first=[math.inf])[0][0] == math.inf


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ([1, 2], [1], r"^f: expected first and second of one shape \[n\], got \(2,\) and \(1,\)\. One number for each"),
        ([[1, 2]], [[1, 2]], r"one shape \[n\], got \(1, 2\) and \(1, 2\)"),
        (1, 2, r"one shape \[n\], got \(\) and \(\)"),
        ([], [], r"^f: expected at least 2 trials, got 0\. Give longer first and second"),
        ([1], [2], r"at least 2 trials, got 1"),
        ([1, 2], [1, math.nan], r"^f: expected finite second, got nan at 1\. Leave such trials out"),
        ([-math.inf, 2], [1, 2], r"finite first, got -inf at 0"),
    ],
)
def test_columns_that_are_refused(first: list[float], second: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_columns("f", least=2, first=first, second=second)


def test_what_order_alone_asks_for() -> None:
    with pytest.raises(ValueError, match=r"^f: expected at least 1 trial, got 0"):
        check_columns("f", first=[])
    with pytest.raises(ValueError, match=r"^f: expected first without NaN, got nan at 1"):
        check_columns("f", infinite=True, first=[math.inf, math.nan])


def test_shares_and_constants() -> None:
    check_shares("f", "judge", np.array([0.0, 1.0]))
    check_varies("f", first=np.array([0.0, 1e-300]))
    for wrong in ([0.5, -1.0], [0.5, 1.2]):
        with pytest.raises(ValueError, match=r"^f: expected judge in \[0, 1\], got values from .* It is a share of"):
            check_shares("f", "judge", np.array(wrong))
    with pytest.raises(ValueError, match=r"^f: expected second that vary, got 3 throughout"):
        check_varies("f", first=np.array([1.0, 2]), second=np.array([3.0, 3]))
