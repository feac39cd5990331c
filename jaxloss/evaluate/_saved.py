"""Parameters of one's own as a metric beside those of the registry."""

import os
from pathlib import Path

import jax.numpy as jnp

from .._files import InputError, reading
from .._types import Image, Mask, Params, Scalar, Scores
from ..backbones._features import BACKBONES, PREPROCESSING
from ..backbones._layers import smallest_side, used_layers
from ..backbones._lpips_nets import LPIPS_NETS, lpips_net
from ..perceptual._lpips import lpips
from ..registry import Metric
from ..weights._saved import saved_net


def metric_from_file(path: str | os.PathLike[str]) -> Metric:
    """A row like those of the registry, named after the file: LPIPS with the parameters in it.

    Args:
        path: A file of `save_params`, with parameters of LPIPS; or with those of a network alone: through it the row is
            `unweighted_lpips`, the baseline of the paper.

    Returns:
        The row, which `compare` and `judge` take among their metrics.

    Raises:
        InputError: If there is no such file, or `lpips` does not know the network.
        OSError: If it is a file of another kind.

    Example:
        >>> import jaxloss, tempfile
        >>> from jaxloss.evaluate import metric_from_file
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     jaxloss.save_params(f"{folder}/mine.safetensors", jaxloss.load_params("lpips-alex"))
        ...     row = metric_from_file(f"{folder}/mine.safetensors")
        >>> print(row.name, row.function.__name__, row.options)
        mine lpips {'net': 'alex'}
    """
    path = Path(path)
    with reading(path), path.open("rb"):
        pass
    saved = saved_net(path)
    net = saved if saved in LPIPS_NETS else lpips_net(saved)
    if net is None:
        known = ", ".join(LPIPS_NETS)
        raise InputError(
            f"{path}: parameters of the network {saved!r}, through which LPIPS cannot look. It can: {known}."
        )
    backbone, layers = LPIPS_NETS[net]
    return Metric(
        function=lpips if net == saved else unweighted_lpips,
        paper="Zhang 2018",
        agrees_with="nothing else: these parameters are yours",
        smallest=smallest_side(used_layers(BACKBONES[backbone], layers)),
        channels=(3,),
        params=str(path),
        label=path.stem,
        options={"net": net},
    )


def unweighted_lpips(
    x: Image, y: Image, *, params: Params, data_range: Scalar, mask: Mask | None = None, net: str = "alex"
) -> Scores:
    """`lpips` without heads: `params` are those of the network alone."""
    scaling = {name: jnp.asarray(numbers) for name, numbers in PREPROCESSING["lpips"]._asdict().items()}
    whole = {"trunk": params, "preprocessing": scaling}
    return lpips(x, y, params=whole, data_range=data_range, mask=mask, net=net, weighting="none")
