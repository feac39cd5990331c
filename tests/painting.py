"""Style transfer by a network of few channels: the trained one paints in the docstring of `stylize`."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from jaxloss.backbones._features import BACKBONES
from jaxloss.images import _stylize
from tests.networks import random_params, thinned


_THIN = thinned(BACKBONES[_stylize.NETWORK], (*_stylize.STYLE_LAYERS, *_stylize.CONTENT_LAYERS))
PARAMS = random_params(_THIN)


@contextmanager
def thin_network() -> Iterator[None]:
    with mock.patch.dict(BACKBONES, {_stylize.NETWORK: _THIN}), mock.patch.object(_stylize, "load_params") as load:
        load.return_value = PARAMS
        yield
