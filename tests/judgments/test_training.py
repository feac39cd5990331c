"""One step of the training of LPIPS: what it changes and what not, its randomness, and many devices."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxloss
from jaxloss.judgments import (
    TrainingMetrics,
    TrainingState,
    agreement,
    init_training,
    learning_rate_schedule,
    ranking_loss,
    training_step,
)
from tests.devices import EVERYWHERE, collectives, place
from tests.judgments._networks import features, first_params, random_choices
from tests.products import products, products_without_precision


CHOICES: Any = random_choices(8)
TUNE: dict[str, Any] = dict(variant="tune", optimizer=optax.sgd(1.0))


@functools.cache
def beginner(**options: Any) -> Any:
    return jax.jit(functools.partial(init_training, **options))


def begin(**options: Any) -> TrainingState:
    return beginner(**options)(jax.random.key(1), first_params())


def step(**options: Any) -> Any:
    return jax.jit(functools.partial(training_step, net=features, **options), donate_argnums=0)


@functools.cache
def random_step() -> Any:
    """With dropout, of the whole network."""
    return step(**TUNE, clamp_trunk=True)


def assert_equal(found: Any, expected: Any) -> None:
    jax.tree.map(np.testing.assert_array_equal, found, expected)


def assert_close(found: Any, expected: Any) -> None:
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-6), found, expected)


def test_step_descends_the_ranking_loss_of_lpips() -> None:
    """Written down once more with the public functions; the last two trials do not count."""
    weight = np.array([1, 1, 2, 1, 0.5, 1, 0, 0], np.float32)

    def objective(trained: Any) -> Any:
        distance = functools.partial(jaxloss.lpips, params=trained["params"], net=features, data_range=1.0)
        d0, d1 = distance(CHOICES.first, CHOICES.reference), distance(CHOICES.second, CHOICES.reference)
        return (weight * ranking_loss(trained["ranking"], d0, d1, CHOICES.judge)).sum() / weight.sum(), (d0, d1)

    before = begin(**TUNE)
    trained = {"params": before.params, "ranking": before.ranking}
    (loss, distances), gradient = jax.jit(jax.value_and_grad(objective, has_aux=True))(trained)
    after, metrics = step(**TUNE, dropout=0.0)(begin(**TUNE), CHOICES._replace(weight=weight))
    d0, d1 = distances
    agreed = np.average(agreement(d0, d1, CHOICES.judge), weights=weight)
    assert_close(metrics, TrainingMetrics(loss, jnp.float32(agreed)))
    expected = jax.tree.map(lambda z, slope: np.asarray(z) - np.asarray(slope), trained, gradient)
    expected["params"]["heads"] = jax.tree.map(lambda head: np.maximum(head, 0), expected["params"]["heads"])
    assert_close({"params": after.params, "ranking": after.ranking}, expected)
    assert_equal(after.params["preprocessing"], before.params["preprocessing"])
    assert after.step == 1


def test_lin_trains_heads_and_ranking_alone() -> None:
    """And by default with Adam, whose first step is as long as its rate for every number that matters."""
    before = begin()
    after, _ = step(dropout=0.0)(begin(), CHOICES)
    for part in ("trunk", "preprocessing"):
        assert_equal(after.params[part], before.params[part])
    for part in (lambda state: state.params["heads"], lambda state: state.ranking):
        moved = jax.tree.map(lambda a, b: np.abs(np.asarray(a) - np.asarray(b)).max(), part(after), part(before))
        np.testing.assert_allclose(jax.tree.leaves(moved), 1e-4, rtol=0.01)
    assert len(jax.tree.leaves(after.optimizer[0].mu)) == 2 + 6


def test_lin_does_not_differentiate_the_network() -> None:
    def convolutions(**options: Any) -> int:
        traced = functools.partial(training_step, net=features, **options), begin(**options), CHOICES
        assert products_without_precision(*traced) == []
        return sum("convolution" in line for line in products(*traced, platforms=["tpu"]))

    assert (convolutions(), convolutions(**TUNE)) == (2, 5)  # the gradients of both kernels, and of what is between


def test_heads_stay_positive_and_kernels_of_single_positions_on_request() -> None:
    state, zeros = begin(**TUNE), 0
    for _ in range(4):
        state, _ = random_step()(state, CHOICES)
        heads = np.concatenate(list(state.params["heads"].values()))
        assert (heads >= 0).all()
        zeros += (heads == 0).sum()
        assert np.asarray(state.params["trunk"]["high"]["kernel"]).min() == 0
    assert zeros > 0
    free = [state.params["trunk"]["low"], *state.ranking.values()]
    assert all(np.asarray(layer["kernel"]).min() < 0 for layer in free)


def test_dropout_is_another_for_each_pair_and_step() -> None:
    """Without it the distances of twins would be equal, and the second one never the nearer one."""
    twins = CHOICES._replace(second=CHOICES.first, judge=np.ones(8, np.float32))
    state, shares = begin(**TUNE), []
    for _ in range(40):
        state, metrics = random_step()(state, twins)
        shares.append(float(metrics.accuracy))
    assert len(set(shares)) > 3 and 0.4 < np.mean(shares) < 0.6
    first, second = (random_step()(begin(**TUNE), twins) for _ in range(2))
    assert_equal([np.asarray(leaf) for leaf in jax.tree.leaves(first[1])], jax.tree.leaves(second[1]))


def test_eight_devices_make_the_update_of_one() -> None:
    expected = random_step()(begin(**TUNE), CHOICES)
    arguments = place(begin(**TUNE), spec=EVERYWHERE), place(CHOICES)
    compiled = random_step().lower(*arguments).compile()
    assert set(collectives(compiled)) == {"all-reduce"}  # of gradients; no image goes from one to another
    found = compiled(*arguments)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        if not jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            np.testing.assert_allclose(a, b, atol=1e-6)


def test_parameters_of_the_caller_survive_donation() -> None:
    params = jax.tree.map(jnp.asarray, first_params())
    state = init_training(jax.random.key(0), params, **TUNE)
    random_step()(state, CHOICES)
    assert state.ranking["output"]["bias"].is_deleted()
    assert_equal(params, first_params())


def test_published_learning_rates() -> None:
    schedule = learning_rate_schedule(40)
    rates = [float(schedule(jnp.int32(step))) for epoch in range(10) for step in (40 * epoch, 40 * epoch + 39)]
    expected = np.repeat([1e-4] * 6 + [8e-5, 6e-5, 4e-5, 2e-5], 2)
    np.testing.assert_allclose(rates, expected, rtol=1e-6)
    assert schedule(jnp.int32(400)) == 0
    constant = learning_rate_schedule(1, epochs=3, decay_epochs=0, learning_rate=0.5)
    assert [constant(jnp.int32(step)) for step in (0, 3, 9)] == [0.5] * 3


@pytest.mark.parametrize(
    ("options", "change", "message"),
    [
        ({"variant": "line"}, {}, "training_step: expected variant one of"),
        ({"dropout": 1.0}, {}, r"training_step: expected dropout in \[0, 1\), got 1.0"),
        ({"nett": "alex"}, {}, "training_step: expected options out of"),
        ({}, {"judge": np.ones(3, np.float32)}, r"training_step: expected judge of shape \(8,\), got \(3,\)"),
        ({}, {"first": CHOICES.first[:, :4]}, r"training_step: expected images of one shape \[n, H, W, 3\], got"),
    ],
)
def test_mistakes(options: dict[str, Any], change: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=f"^{message}"):
        step(**options)(begin(), CHOICES._replace(**change))


@pytest.mark.parametrize("option", ["steps_per_epoch", "epochs", "decay_epochs", "learning_rate"])
def test_mistakes_in_learning_rates(option: str) -> None:
    with pytest.raises(ValueError, match=rf"^learning_rate_schedule: expected {option} >"):
        learning_rate_schedule(**{"steps_per_epoch": 1, option: -1})
