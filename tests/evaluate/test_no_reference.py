"""Scores of single images: those of the functions, for images of any shape, with what cannot be computed left out."""

import functools
import re

import jax
import numpy as np
import pytest

import jaxloss
from jaxloss import InputError, load_params
from jaxloss.evaluate import assess, choose_no_reference
from jaxloss.registry import NO_REFERENCE


def test_scores_are_those_of_the_functions(photograph: np.ndarray) -> None:
    brisque = jax.jit(functools.partial(jaxloss.brisque, params=load_params("brisque"), data_range=1.0))
    small, tiny = photograph[:24, :30], photograph[:10, :30]
    rows = assess([small, tiny])
    assert [list(row) for row in rows] == [list(NO_REFERENCE)] * 2
    assert rows[0]["brisque"] == pytest.approx(float(brisque(small)), rel=1e-4)
    assert np.isnan([rows[0]["niqe"], *rows[1].values()]).all()


def test_choice() -> None:
    assert [row.name for row in choose_no_reference(["niqe", "brisque", "niqe"])] == ["niqe", "brisque"]
    with pytest.raises(InputError, match=r"^no metric without a reference 'niqa'\. Did you mean 'niqe'\?"):
        choose_no_reference(["niqa"])
    with pytest.raises(InputError, match=r"^no metric is chosen\. There are: brisque, niqe\."):
        choose_no_reference([])


def test_batches_are_refused(photograph: np.ndarray) -> None:
    shape = re.escape(str((1, *photograph.shape)))
    with pytest.raises(ValueError, match=rf"^assess: expected images of shape \[H, W, C\], got {shape}"):
        assess([photograph[None]])
