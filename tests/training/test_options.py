"""What the options of a training may be, and what of them is kept with its checkpoints."""

import json
from typing import Any

import jax.numpy as jnp
import pytest

from jaxloss import InputError
from jaxloss.judgments._training import TrainingDefaults
from jaxloss.training._options import RunDefaults
from tests.judgments._networks import features


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"net": "alexnet"}, r"there is no net 'alexnet'\. Did you mean 'alex'\?"),
        ({"variant": "line"}, r"there is no variant 'line'\. Did you mean 'lin'\?"),
        ({"epochs": -1}, r"epochs must be 0 or more, got -1\."),
        ({"epochs": 0, "decay_epochs": 0}, r"epochs and decay_epochs are both 0: there is nothing to train\."),
        ({"batch": 0}, r"batch must be 1 or more, got 0\."),
        ({"side": 30}, r"side must be 31 or more, got 30\."),
        ({"side": 0, "net": features}, r"side must be 1 or more, got 0\."),
        ({"learning_rate": 0.0}, r"learning_rate must be a finite number above 0, got 0\.0\."),
        ({"learning_rate": float("inf")}, r"learning_rate must be a finite number above 0, got inf\."),
        ({"dropout": 1.0}, r"dropout must be 0 or more and below 1, got 1\.0\."),
        ({"seed": -1}, r"seed must be 0 or more, got -1\."),
        ({"save_every": 0}, r"save_every must be 1 or more, got 0\."),
    ],
)
def test_mistakes(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}$"):
        RunDefaults(**options).check()


def test_defaults_are_the_published_ones() -> None:
    defaults = RunDefaults()
    defaults.check()
    assert defaults.of_steps(None) == TrainingDefaults()
    assert (defaults.batch, defaults.side, defaults.all_epochs, defaults.learning_rate) == (50, 64, 10, 1e-4)


def test_settings_are_json_and_do_not_tell_how_often_is_saved() -> None:
    options = RunDefaults(net=features, dtype=jnp.bfloat16, save_every=7)
    options.check()
    settings = options.settings()
    assert json.loads(json.dumps(settings)) == settings
    assert (settings["net"], settings["dtype"]) == ("features", "bfloat16") and "save_every" not in settings
    assert RunDefaults().settings()["dtype"] is None
