"""The ranking network against NumPy, and where a naive formula would overflow."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.judgments import init_ranking, ranking_logits, ranking_loss


D0 = np.array([0.0, 0.1, 0.5, 0.3, 40.0], np.float32)
D1 = np.array([0.0, 0.3, 0.2, 0.3, 0.0], np.float32)
JUDGE = np.array([0.5, 0.0, 1.0, 0.2, 1.0], np.float32)


def logits_by_hand(params: dict[str, Any], d0: np.ndarray, d1: np.ndarray) -> np.ndarray:
    """One trial after the other, in float64."""
    layers = [(np.asarray(layer["kernel"], float), np.asarray(layer["bias"], float)) for layer in params.values()]
    found = []
    for a, b in zip(d0.astype(float), d1.astype(float), strict=True):
        x = np.array([a, b, a - b, a / (b + 0.1), b / (a + 0.1)])
        for number, (kernel, bias) in enumerate(layers):
            x = x if number == 0 else np.where(x > 0, x, 0.2 * x)
            x = kernel.T @ x + bias
        found.append(x.item())
    return np.array(found)


def test_initial_distribution_is_that_of_torch() -> None:
    params = init_ranking(jax.random.key(3))
    for name, (inputs, outputs) in {"hidden1": (5, 32), "hidden2": (32, 32), "output": (32, 1)}.items():
        kernel, bias = params[name]["kernel"], params[name]["bias"]
        assert kernel.shape == (inputs, outputs) and bias.shape == (outputs,)
        assert np.abs(kernel).max() <= inputs**-0.5 and np.abs(bias).max() <= inputs**-0.5
    kernel = np.asarray(params["hidden2"]["kernel"]) * 32**0.5
    np.testing.assert_allclose([kernel.mean(), kernel.std(), np.abs(kernel).max()], [0, 3**-0.5, 1], atol=0.06)
    assert len({float(layer["bias"][0]) for layer in params.values()}) == 3


def evaluate(params: Any, d0: jax.Array, d1: jax.Array) -> Any:
    """Logits, losses and the gradients of their sum."""
    losses, pull_back = jax.vjp(lambda p, d0, d1: ranking_loss(p, d0, d1, JUDGE), params, d0, d1)
    return ranking_logits(params, d0, d1), losses, pull_back(jnp.ones_like(losses))


def test_logits_losses_and_gradients() -> None:
    params = init_ranking(jax.random.key(0))
    logits, losses, gradients = jax.jit(evaluate)(params, D0, D1)
    expected = logits_by_hand(params, D0, D1)
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-6)
    share = 1 / (1 + np.exp(-expected))
    np.testing.assert_allclose(losses, -JUDGE * np.log(share) - (1 - JUDGE) * np.log1p(-share), rtol=1e-4)
    # That of the last bias adds up the derivatives by the logits.
    np.testing.assert_allclose(gradients[0]["output"]["bias"], [(share - JUDGE).sum()], rtol=1e-5)
    assert all(np.isfinite(gradient).all() for gradient in jax.tree.leaves(gradients))


def test_a_sure_and_wrong_network_has_a_loss_and_a_gradient() -> None:
    """Torch's loss of probabilities ends at 100 there, with a gradient of 0."""
    params = jax.tree.map(np.zeros_like, init_ranking(jax.random.key(0)))
    params["output"]["bias"] = np.array([-300.0], np.float32)
    _, losses, (gradients, _, _) = jax.jit(evaluate)(params, D0, D1)
    np.testing.assert_array_equal(losses, 300 * JUDGE)
    np.testing.assert_array_equal(gradients["output"]["bias"], [-JUDGE.sum()])


def test_mistakes() -> None:
    params = init_ranking(jax.random.key(0))
    with pytest.raises(ValueError, match=r"^ranking_loss: expected d0 and d1 and judge of one shape, got \[\(5,\), "):
        ranking_loss(params, D0, D1[:4], JUDGE)
    with pytest.raises(ValueError, match=r"^ranking_logits: expected d0 and d1 of one shape"):
        ranking_logits(params, D0, D1[0])
    with pytest.raises(TypeError, match=r"^ranking_logits: expected arrays of a floating dtype, got int32"):
        ranking_logits(params, D0, np.ones(5, np.int32))


@pytest.mark.usefixtures("float64")
def test_double_precision_stays() -> None:
    params = jax.eval_shape(init_ranking, jax.random.key(0))
    assert params["output"]["bias"].dtype == np.float32
    assert jax.eval_shape(ranking_logits, params, D0.astype(float), D1).dtype == np.float64
    assert jax.eval_shape(ranking_loss, params, D0, D1, JUDGE).dtype == np.float32
