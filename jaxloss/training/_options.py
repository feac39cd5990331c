"""Options of a training of LPIPS, and what they may be."""

import math
from typing import Any, NamedTuple, TypedDict

import jax
import numpy as np
from jax.typing import DTypeLike

from .._checks import suggestion
from .._files import InputError
from ..backbones._features import BACKBONES, FeatureFunction
from ..backbones._layers import smallest_side, used_layers
from ..backbones._lpips_nets import LPIPS_NETS
from ..judgments._training import LEARNING_RATE, VARIANTS, TrainingDefaults


class RunOptions(TypedDict, total=False):
    """See `train_lpips`."""

    net: str | FeatureFunction
    variant: str
    epochs: int
    decay_epochs: int
    batch: int
    side: int | None
    learning_rate: float
    dropout: float
    clamp_trunk: bool
    dtype: DTypeLike | None
    seed: int
    save_every: int


class RunDefaults(NamedTuple):
    """The authors' choice for each option."""

    net: str | FeatureFunction = "alex"
    variant: str = "lin"
    epochs: int = 5
    decay_epochs: int = 5
    batch: int = 50
    side: int | None = 64
    learning_rate: float = LEARNING_RATE
    dropout: float = 0.5
    clamp_trunk: bool = False
    dtype: DTypeLike | None = None
    seed: int = 0
    save_every: int = 500

    def check(self) -> None:
        for name, value, choices in (("variant", self.variant, VARIANTS), ("net", self.net, LPIPS_NETS)):
            if not callable(value) and value not in choices:
                raise InputError(f"there is no {name} {value!r}. {suggestion(value, choices)}")
        least = {"epochs": 0, "decay_epochs": 0, "batch": 1, "seed": 0, "save_every": 1}
        if self.side is not None:
            least["side"] = 1 if callable(self.net) else _smallest_side(self.net)
        for name, smallest in least.items():
            if getattr(self, name) < smallest:
                raise InputError(f"{name} must be {smallest} or more, got {getattr(self, name)}.")
        if self.all_epochs == 0:
            raise InputError("epochs and decay_epochs are both 0: there is nothing to train.")
        if not (self.learning_rate > 0 and math.isfinite(self.learning_rate)):
            raise InputError(f"learning_rate must be a finite number above 0, got {self.learning_rate}.")
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout must be 0 or more and below 1, got {self.dropout}.")
        if self.batch % jax.process_count():
            raise InputError(f"batch must be a multiple of the {jax.process_count()} processes, got {self.batch}.")

    @property
    def all_epochs(self) -> int:
        return self.epochs + self.decay_epochs

    def of_steps(self, optimizer: Any) -> TrainingDefaults:
        return TrainingDefaults(self.variant, optimizer, self.net, self.dropout, self.clamp_trunk, self.dtype)

    def settings(self) -> dict[str, Any]:
        """Those that decide on the result, in JSON's types."""
        settings = {**self._asdict(), "dtype": None if self.dtype is None else np.dtype(self.dtype).name}
        if callable(self.net):
            settings["net"] = getattr(self.net, "__name__", type(self.net).__name__)
        del settings["save_every"]
        return settings


def _smallest_side(net: str) -> int:
    backbone, layers = LPIPS_NETS[net]
    return smallest_side(used_layers(BACKBONES[backbone], layers))
