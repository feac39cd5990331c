"""What small restoration networks are like and how they are trained: tables of choices, and a draw from them."""

import math
from typing import NamedTuple

import numpy as np

from .._checks import check_choice, error_text


class Corruption(NamedTuple):
    """What the networks for a task are shown.

    Attributes:
        kinds: How images are corrupted; one is drawn.
        levels: Least and greatest factor of downsampling or standard deviation of noise.
        residual: Whether some networks may add what they find to what they are shown. Of noise much would stay, and of
            an image as it is all.
    """

    kinds: tuple[str, ...]
    levels: tuple[float, float] = (0.0, 0.0)
    residual: bool = False


ARTIFACT_TASKS: dict[str, Corruption] = {
    "super-resolution": Corruption(("downsampling",), (2, 4), residual=True),
    "denoising": Corruption(("white noise", "pink noise"), (0.05, 0.2)),
    "colorization": Corruption(("color removal",), residual=True),
    "style": Corruption(("none",), residual=True),
    "autoencoding": Corruption(("none",)),
}
"""What the networks are trained for, and what they are shown."""

KINDS = sorted({kind for corruption in ARTIFACT_TASKS.values() for kind in corruption.kinds})
UPSAMPLINGS = ("nearest", "bilinear", "transposed")
NORMALIZATIONS = ("none", "instance", "pixel")
WITHOUT_INSTANCE = ("none", "pixel")
RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("width", "layers", "discriminator_depth"), (1, math.inf)),
    **dict.fromkeys(("depth", "l1", "features", "style", "adversarial", "learning_rate"), (0, math.inf)),
    "first_stride": (1, 2),
    "dropout": (0, 0.9),
}


class ArtifactSpec(NamedTuple):
    """A network and its training; `random_artifact_spec` draws one.

    Attributes:
        task: A key of `ARTIFACT_TASKS`.
        corruption: `"none"`, `"downsampling"`, `"white noise"`, `"pink noise"` or `"color removal"`.
        level: A whole factor of downsampling, or the standard deviation of noise for values in [0, 1].
        depth: Stages that halve the sides, 0 or more.
        width: Channels before them; each stage doubles them, up to four times the width.
        layers: Convolutions at the smallest size, 1 or more.
        first_stride: Of the first convolution, 1 or 2.
        skips: Whether each stage back also sees what the encoder saw at its size.
        residual: Whether the output is added to what the network is shown.
        upsampling: `"nearest"` or `"bilinear"`, followed by a convolution, or `"transposed"`, which is one.
        normalization: `"none"`; `"instance"`, per channel over the image; or `"pixel"`, per pixel over the channels.
        dropout: Share of the features at the smallest size that are left out in training, in [0, 0.9].
        l1: Weight of the mean absolute error.
        features: Weight of the perceptual loss.
        style: Weight of the style loss.
        adversarial: Weight of the loss against a discriminator.
        discriminator_depth: Its stages that halve the sides, 1 or more.
        learning_rate: Of Adam.
    """

    task: str
    corruption: str = "none"
    level: float = 0.0
    depth: int = 2
    width: int = 16
    layers: int = 2
    first_stride: int = 1
    skips: bool = False
    residual: bool = False
    upsampling: str = "nearest"
    normalization: str = "none"
    dropout: float = 0.0
    l1: float = 1.0
    features: float = 0.0
    style: float = 0.0
    adversarial: float = 0.0
    discriminator_depth: int = 2
    learning_rate: float = 1e-3


def random_artifact_spec(seed: int, *, task: str) -> ArtifactSpec:
    """Draw a network for a task, and how it is trained, as Zhang et al. drew their 96 denoising autoencoders.

    Depth and layers are 1 to 3 (without skips the depth is at most 2: deeper ones learn little in a short training),
    the width 8 to 24, dropout at most 0.3, learning rates 0.0007 to 0.002. Half of the networks have skips, half a
    perceptual loss, half a discriminator, each beside the mean absolute error; those for style have the perceptual and
    the style loss. Instance normalization comes with a residual only.

    Args:
        seed: Of the choices, 0 or more.
        task: A key of `ARTIFACT_TASKS`: `"super-resolution"`, `"denoising"`, `"colorization"`, `"style"` or
            `"autoencoding"`.

    Returns:
        An `ArtifactSpec` of Python values, static under jit.

    Example:
        >>> from jaxloss.judgments import random_artifact_spec
        >>> spec = random_artifact_spec(0, task="super-resolution")
        >>> print(spec.corruption, spec.level, spec.upsampling)
        downsampling 2.0 transposed
    """
    check_choice("random_artifact_spec", "task", task, ARTIFACT_TASKS)
    rng = np.random.default_rng(seed)
    kinds, (low, high), may_add = ARTIFACT_TASKS[task]
    kind, skips, residual = str(rng.choice(kinds)), bool(rng.integers(2)), may_add and bool(rng.integers(2))
    level = float(rng.uniform(low, high))
    if kind == "downsampling":
        level = float(rng.integers(int(low), int(high), endpoint=True))
    return ArtifactSpec(
        task=task,
        corruption=kind,
        level=level,
        depth=int(rng.integers(1, 4 if skips else 3)),
        width=int(rng.choice((8, 12, 16, 24))),
        layers=int(rng.integers(1, 4)),
        first_stride=int(rng.integers(1, 3)),
        skips=skips,
        residual=residual,
        upsampling=str(rng.choice(UPSAMPLINGS)),
        # Of an image that is normalized and not added to, nobody knows any more how bright it was.
        normalization=str(rng.choice(NORMALIZATIONS if residual else WITHOUT_INSTANCE)),
        dropout=float(rng.uniform(0, 0.3) * rng.integers(2)),
        learning_rate=_log_uniform(rng, 7e-4, 2e-3),
        discriminator_depth=int(rng.integers(2, 4)),
        **_random_weights(rng, task),
    )


def _random_weights(rng: np.random.Generator, task: str) -> dict[str, float]:
    """Such that each term counts: features differ by some units where pixels do by a tenth."""
    if task == "style":
        return {"l1": 0.0, "features": _log_uniform(rng, 0.1, 0.5), "style": _log_uniform(rng, 3, 15)}
    terms = {"features": _log_uniform(rng, 0.01, 0.1), "adversarial": _log_uniform(rng, 0.01, 0.1)}
    return {name: weight * float(rng.integers(2)) for name, weight in terms.items()}


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(math.log(low), math.log(high))))


def check_spec(name: str, spec: ArtifactSpec) -> None:
    choices = {"task": ARTIFACT_TASKS, "corruption": KINDS, "upsampling": UPSAMPLINGS, "normalization": NORMALIZATIONS}
    for field, known in choices.items():
        check_choice(name, f"a spec with {field}", getattr(spec, field), known)
    least_level = 1 if spec.corruption == "downsampling" else 0
    for field, (least, most) in {**RANGES, "level": (least_level, math.inf)}.items():
        value = getattr(spec, field)
        whole = isinstance(ArtifactSpec._field_defaults[field], int)
        if not (isinstance(value, int if whole else int | float) and least <= value <= most):
            expected = f"a spec with {field}, {'a whole number ' if whole else ''}from {least} to {most}"
            raise ValueError(error_text(name, expected, repr(value), "ArtifactSpec says what it is."))
