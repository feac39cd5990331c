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
    TrainingState,
    agreement,
    init_training,
    learning_rate_schedule,
    ranking_loss,
    training_step,
)
from jaxloss.judgments._training import kept_differences
from tests.devices import EVERYWHERE, collectives, place
from tests.judgments._networks import features, first_params, random_choices
from tests.products import FULL, products


CHOICES: Any = random_choices(8)
TUNE: dict[str, Any] = dict(variant="tune", optimizer=optax.sgd(1.0))


@functools.cache
def beginner() -> Any:
    return jax.jit(functools.partial(init_training, **TUNE))


def begin() -> TrainingState:
    return beginner()(jax.random.key(1), first_params())


@functools.cache
def step() -> Any:
    return jax.jit(functools.partial(training_step, net=features, **TUNE, clamp_trunk=True), donate_argnums=0)


def assert_equal(found: Any, expected: Any) -> None:
    jax.tree.map(np.testing.assert_array_equal, found, expected)


def assert_close(found: Any, expected: Any) -> None:
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-6), found, expected)


def distances_by_hand(params: Any, key: jax.Array) -> list[jax.Array]:
    """Of the first and second images; each squared difference counts twice or not at all."""
    see = functools.partial(jaxloss.lpips_features, params=params, net=features, data_range=1.0)
    reference, *others = see(CHOICES.reference), see(CHOICES.first), see(CHOICES.second)
    shapes = {layer: (z.shape[0], 2, *z.shape[1:]) for layer, z in reference.items()}
    kept = kept_differences(key, shapes, 0.5)

    def distance(layer: str, seen: Any, pair: int) -> jax.Array:
        squares = jnp.where(kept[layer][:, pair], 2 * (seen[layer] - reference[layer]) ** 2, 0)
        return (params["heads"][layer].reshape(1, 1, 1, -1) * squares).mean(axis=(1, 2)).sum(axis=-1)

    return [distance("low", seen, pair) + distance("high", seen, pair) for pair, seen in enumerate(others)]


def test_step_descends_the_ranking_loss_of_lpips_with_dropout() -> None:
    """Written down once more with the public functions; the last two trials do not count."""
    weight = np.array([1, 1, 2, 1, 0.5, 1, 0, 0], np.float32)
    before = begin()

    def objective(trained: Any) -> Any:
        d0, d1 = distances_by_hand(trained["params"], jax.random.fold_in(before.key, 0))
        return (weight * ranking_loss(trained["ranking"], d0, d1, CHOICES.judge)).sum() / weight.sum(), (d0, d1)

    trained = {"params": before.params, "ranking": before.ranking}
    (loss, (d0, d1)), gradient = jax.jit(jax.value_and_grad(objective, has_aux=True))(trained)
    after, metrics = step()(begin(), CHOICES._replace(weight=weight))
    agreed = np.average(agreement(d0, d1, CHOICES.judge), weights=weight)
    assert_close(list(metrics), [loss, agreed])
    expected = jax.tree.map(lambda z, slope: np.asarray(z) - np.asarray(slope), trained, gradient)
    expected["params"]["heads"] = jax.tree.map(lambda head: np.maximum(head, 0), expected["params"]["heads"])
    pointwise = expected["params"]["trunk"]["high"]
    pointwise["kernel"] = np.maximum(pointwise["kernel"], 0)
    assert_close({"params": after.params, "ranking": after.ranking}, expected)
    assert_equal(after.params["preprocessing"], before.params["preprocessing"])
    assert after.step == 1


def test_lin_does_not_differentiate_the_network() -> None:
    def convolutions(state: TrainingState, **options: Any) -> int:
        found = products(functools.partial(training_step, net=features, **options), state, CHOICES, platforms=["tpu"])
        assert all(FULL.search(line) for line in found)
        return sum("convolution" in line for line in found)

    lin = jax.eval_shape(init_training, jax.random.key(0), first_params())
    assert len(jax.tree.leaves(lin.optimizer[0].mu)) == 2 + 6  # heads and ranking network
    # Two in each pass; the gradients of both kernels, and of what is between.
    assert (convolutions(lin), convolutions(begin(), **TUNE)) == (2, 5)


def test_heads_stay_positive_and_kernels_of_single_positions_on_request() -> None:
    state, zeros = begin(), 0
    for _ in range(4):
        state, _ = step()(state, CHOICES)
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
    state, shares = begin(), []
    for _ in range(40):
        state, metrics = step()(state, twins)
        shares.append(float(metrics.accuracy))
    assert len(set(shares)) > 3 and 0.4 < np.mean(shares) < 0.6
    first, second = (step()(begin(), twins) for _ in range(2))
    assert_equal([np.asarray(leaf) for leaf in jax.tree.leaves(first[1])], jax.tree.leaves(second[1]))


def test_eight_devices_make_the_update_of_one() -> None:
    expected = step()(begin(), CHOICES)
    arguments = place(begin(), spec=EVERYWHERE), place(CHOICES)
    compiled = step().lower(*arguments).compile()
    assert set(collectives(compiled)) == {"all-reduce"}  # of gradients; no image goes from one to another
    found = compiled(*arguments)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        if not jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            np.testing.assert_allclose(a, b, atol=1e-6)


def test_parameters_of_the_caller_survive_donation() -> None:
    params = jax.tree.map(jnp.asarray, first_params())
    state = init_training(jax.random.key(0), params, **TUNE)
    step()(state, CHOICES)
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
def test_mistakes(options: Any, change: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=f"^{message}"):
        training_step(begin(), CHOICES._replace(**change), **({"net": features} | options))


@pytest.mark.parametrize("option", ["steps_per_epoch", "epochs", "decay_epochs", "learning_rate"])
def test_mistakes_in_learning_rates(option: str) -> None:
    with pytest.raises(ValueError, match=rf"^learning_rate_schedule: expected {option} >"):
        learning_rate_schedule(**{"steps_per_epoch": 1, option: -1})
