"""Other libraries behind one signature: a batch of images in, contestants that compute a metric of the registry out."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ._timing import Contestant


Score = Callable[[Any, Any], Any]  # batches x and y of values in [0, 1] -> scores, whose mean is compared
Mode = Literal["value", "value_and_grad"]

CHANNELS_LAST = " (channels last)"


class Entrant(NamedTuple):
    """A way to call a peer: for the metric, and for the metric and its gradient with respect to x."""

    value: Contestant
    value_and_grad: Contestant | None = None


@dataclass(frozen=True)
class Library:
    """A peer.

    Attributes:
        framework: Whose arrays it takes, a key of `FRAMEWORKS`.
        scores: Imports the library and returns its functions by the registry's name of the metric.
        distribution: Name of the package that has its version.
        ssim: The row of `SSIM_CONVENTIONS` that it is called with here.
        ms_ssim: Likewise in `MS_SSIM_CONVENTIONS`.
    """

    framework: str
    scores: Callable[[], dict[str, Score]]
    distribution: str
    ssim: str = "wang2004"
    ms_ssim: str = "wang2003"


def peers_of(metric: str, x: np.ndarray, y: np.ndarray, dtype: str = "float32") -> dict[str, Entrant]:
    """All installed peers that have a metric, by name, with batches `[N, H, W, C]` as their data."""
    entrants = {}
    for framework, enter in FRAMEWORKS.items():
        names = [name for name in installed() if LIBRARIES[name].framework == framework]
        scores = {name: _scores(name)[metric] for name in names if metric in _scores(name)}
        if scores:
            entrants |= enter(scores, x, y, dtype)
    return entrants


@cache
def installed() -> tuple[str, ...]:
    return tuple(name for name in LIBRARIES if not missing(name))


@cache
def missing(name: str) -> str:
    """Why a library cannot take part; empty if it can."""
    try:
        _scores(name)
    except ImportError as error:
        return f"{name} is left out: {error}"
    return ""


@cache
def _scores(name: str) -> dict[str, Score]:
    return LIBRARIES[name].scores()


def _torch() -> dict[str, Score]:
    from torch.nn import functional

    return {"mae": functional.l1_loss, "mse": functional.mse_loss}


def _piq() -> dict[str, Score]:
    import_torchvision()
    import piq

    return {
        "psnr": lambda x, y: piq.psnr(x, y, reduction="none"),
        "ssim": lambda x, y: piq.ssim(x, y, reduction="none", downsample=False),
        "ms_ssim": lambda x, y: piq.multi_scale_ssim(x, y, reduction="none"),
    }


def _pytorch_msssim() -> dict[str, Score]:
    import pytorch_msssim

    return {
        "ssim": lambda x, y: pytorch_msssim.ssim(x, y, data_range=1.0, size_average=False),
        "ms_ssim": lambda x, y: pytorch_msssim.ms_ssim(x, y, data_range=1.0, size_average=False),
    }


def _torchmetrics() -> dict[str, Score]:
    import_torchvision()
    from torchmetrics.functional import image

    pixels = (1, 2, 3)
    return {
        "psnr": lambda x, y: image.peak_signal_noise_ratio(x, y, data_range=1.0, dim=pixels, reduction="none"),
        "ssim": lambda x, y: image.structural_similarity_index_measure(x, y, data_range=1.0, reduction="none"),
        "ms_ssim": lambda x, y: image.multiscale_structural_similarity_index_measure(
            x, y, data_range=1.0, reduction="none"
        ),
    }


def _piqa() -> dict[str, Score]:
    import_torchvision()
    import piqa

    @cache
    def module(kind: str, channels: int, dtype: Any, device: Any) -> Any:
        return getattr(piqa, kind)(n_channels=channels, reduction="none").to(device, dtype)

    def score(kind: str) -> Score:
        return lambda x, y: module(kind, x.shape[1], x.dtype, x.device)(x, y)

    return {
        "psnr": lambda x, y: piqa.psnr.psnr(x, y),
        "ssim": score("SSIM"),
        "ms_ssim": score("MS_SSIM"),
    }


def _lpips() -> dict[str, Score]:
    import_torchvision()
    importlib.import_module("lpips")
    from ._lpips_peer import original

    def score(net: str) -> Score:
        return lambda x, y: original(net).to(x.device, x.dtype)(2 * x - 1, 2 * y - 1)

    return {"lpips": score("alex"), "lpips_vgg": score("vgg"), "lpips_squeeze": score("squeeze")}


def _kornia() -> dict[str, Score]:
    import_torchvision()
    import kornia

    return {"ssim": lambda x, y: kornia.metrics.ssim(x, y, 11, padding="valid").mean(dim=(1, 2, 3))}


def _fused_ssim() -> dict[str, Score]:
    import torch

    if not torch.cuda.is_available():
        raise ImportError("it needs a CUDA device")
    from fused_ssim import fused_ssim

    return {"ssim": lambda x, y: fused_ssim(x, y, padding="valid", train=torch.is_grad_enabled())}


def _dm_pix() -> dict[str, Score]:
    import dm_pix

    return {name: getattr(dm_pix, name) for name in ("mae", "mse", "rmse", "psnr", "ssim")}


def _scikit_image() -> dict[str, Score]:
    from skimage import metrics

    wang2004 = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}

    def ssim(x: np.ndarray, y: np.ndarray) -> Any:
        return metrics.structural_similarity(x, y, data_range=1.0, channel_axis=-1, **wang2004)

    def each(score: Score) -> Score:
        return lambda x, y: np.array([score(a, b) for a, b in zip(x, y, strict=True)])

    return {
        "mse": each(metrics.mean_squared_error),
        "psnr": each(lambda x, y: metrics.peak_signal_noise_ratio(x, y, data_range=1.0)),
        "ssim": each(ssim),
    }


LIBRARIES = {
    "torch": Library("torch", _torch, "torch"),
    "pytorch-msssim": Library("torch", _pytorch_msssim, "pytorch-msssim", ms_ssim="pytorch_msssim"),
    "piq": Library("torch", _piq, "piq", ms_ssim="piq"),
    "piqa": Library("torch", _piqa, "piqa", ms_ssim="piqa"),
    "torchmetrics": Library("torch", _torchmetrics, "torchmetrics", ssim="torchmetrics", ms_ssim="torchmetrics"),
    "kornia": Library("torch", _kornia, "kornia"),
    "lpips": Library("torch", _lpips, "lpips"),
    "fused-ssim": Library("torch", _fused_ssim, "fused-ssim"),
    "dm_pix": Library("jax", _dm_pix, "dm_pix"),
    "scikit-image": Library("numpy", _scikit_image, "scikit-image"),
}


@cache
def import_torchvision() -> None:
    """Where its binary part is missing, torchvision still asks for two operators, which nothing here calls."""
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        import torch

        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _keep_alive.append(library)
        importlib.import_module("torchvision")


_keep_alive = []  # definitions of operators live as long as their library


def _torch_entrants(scores: dict[str, Score], x: np.ndarray, y: np.ndarray, dtype: str) -> dict[str, Entrant]:
    """In both memory layouts: as the libraries document it, and as convolutions on the CPU are several times faster."""
    import torch

    device = "cuda" if torch.cuda.is_available() and jax.default_backend() == "gpu" else "cpu"
    last = tuple(torch.from_numpy(z).to(device, getattr(torch, dtype)).permute(0, 3, 1, 2) for z in (x, y))
    first = tuple(z.contiguous() for z in last)

    def value(score: Score, x: Any, y: Any) -> Any:
        with torch.no_grad():
            return score(x, y)

    def value_and_grad(score: Score, x: Any, y: Any) -> tuple[Any, Any]:
        x = x.detach().requires_grad_()
        mean = score(x, y).mean()
        mean.backward()
        return mean.detach(), x.grad

    def wait(_: Any) -> None:
        if device == "cuda":
            torch.cuda.synchronize()

    return {
        name + layout: Entrant(*(Contestant(run, (score, *pair), wait) for run in (value, value_and_grad)))
        for name, score in scores.items()
        for layout, pair in (("", first), (CHANNELS_LAST, last))
    }


def _jax_entrants(scores: dict[str, Score], x: np.ndarray, y: np.ndarray, dtype: str) -> dict[str, Entrant]:
    pair = jnp.asarray(x, dtype), jnp.asarray(y, dtype)
    return {name: jax_entrant(score, *pair) for name, score in scores.items()}


def jax_entrant(score: Callable[..., Any], *arguments: Any) -> Entrant:
    """A JAX function as all of them are called here, ours and others'."""
    gradient = jax.value_and_grad(lambda *arguments: score(*arguments).mean())
    return Entrant(*(Contestant(jax.jit(function), arguments) for function in (score, gradient)))


def _numpy_entrants(scores: dict[str, Score], x: np.ndarray, y: np.ndarray, dtype: str) -> dict[str, Entrant]:
    pair = x.astype(dtype), y.astype(dtype)
    return {name: Entrant(Contestant(score, pair)) for name, score in scores.items()}


FRAMEWORKS: dict[str, Callable[..., dict[str, Entrant]]] = {
    "torch": _torch_entrants,
    "jax": _jax_entrants,
    "numpy": _numpy_entrants,
}
