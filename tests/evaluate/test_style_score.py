"""What is kept, what is taken, and what is of neither, for pictures of which that is known."""

from collections.abc import Iterator
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss import InputError
from jaxloss.backbones._features import BACKBONES
from jaxloss.backbones._lpips_nets import LPIPS_NETS
from jaxloss.evaluate import StyleScore, _style_score, style_score
from jaxloss.evaluate._style_score import _excess
from jaxloss.images._stylize import NETWORK, STYLE, STYLE_LAYERS
from tests.networks import random_params, thinned, tiny_params


SIDE = 32
STYLE_NET = thinned(BACKBONES[NETWORK], STYLE_LAYERS)
PARAMS = {NETWORK: random_params(STYLE_NET), "lpips-alex": tiny_params("lpips-alex")}


@pytest.fixture(autouse=True, scope="module")
def thin() -> Iterator[None]:
    backbone, layers = LPIPS_NETS["alex"]
    thin = {NETWORK: STYLE_NET, backbone: thinned(BACKBONES[backbone], layers)}
    with mock.patch.dict(BACKBONES, thin), mock.patch.object(_style_score, "load_params", PARAMS.__getitem__):
        yield


@pytest.fixture(scope="module")
def content(photograph: np.ndarray) -> np.ndarray:
    return photograph[40 : 40 + SIDE, 60 : 60 + SIDE]


@pytest.fixture(scope="module")
def style(photograph: np.ndarray) -> np.ndarray:
    return photograph[200 : 200 + SIDE, 150 : 150 + SIDE]


def checkerboard(amplitude: float, period: int = 2) -> np.ndarray:
    rows, columns = np.indices((SIDE, SIDE)) * 2 // period
    return (amplitude * (-1.0) ** (rows + columns))[..., None].astype(np.float32)


def test_known_pictures(content: np.ndarray, style: np.ndarray) -> None:
    assert style_score(content, style, content) == StyleScore(1, 0, 0)
    assert style_score(content, style, style) == pytest.approx((0, 1, 0))
    mixed = style_score(content, style, (content + style) / 2)
    assert 0 < mixed.content < 1 and mixed.style < 1 and mixed.artifacts < 0.05
    spoiled = [style_score(content, style, np.clip(content + checkerboard(a), 0, 1)) for a in (0.03, 0.1)]
    assert 0.05 < spoiled[0].artifacts < spoiled[1].artifacts < 1
    assert spoiled[1].content < spoiled[0].content < 1


def test_formulas(content: np.ndarray, style: np.ndarray) -> None:
    picture = (0.3 * content + 0.7 * style[:, ::-1]).astype(np.float32)

    @jax.jit
    def distances(x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        features = [
            jaxloss.extract_features(z, net=NETWORK, params=PARAMS[NETWORK], layers=STYLE_LAYERS, data_range=1.0)
            for z in (x, y)
        ]
        seen = jaxloss.lpips(x, y, params=PARAMS["lpips-alex"], data_range=1.0)
        return seen, jaxloss.style_loss(features[0], features[1], **STYLE)

    to_content, to_style = distances(jnp.asarray(picture), content)[0], distances(jnp.asarray(picture), style)[1]
    apart = distances(jnp.asarray(content), style)
    found = style_score(content, style, picture)
    np.testing.assert_allclose(found[:2], [1 - to_content / apart[0], 1 - to_style / apart[1]], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("period", [2, 4])
def test_artifacts_are_the_share_of_detail_that_is_in_neither(period: int, content: np.ndarray) -> None:
    """A weak pattern has the energy of its square: half the power of detail from it is a share of a half."""
    pattern = checkerboard(0.02, period)
    flat = np.zeros_like(content)
    assert _excess(flat + pattern, flat, flat) == pytest.approx(1)
    assert _excess(flat + pattern, flat + pattern, flat) == _excess(flat, flat + pattern, flat) == 0
    twice = _excess(flat + np.sqrt(2) * pattern, flat, flat + pattern)
    assert twice == pytest.approx(0.5)
    assert _excess(content, content + pattern, flat) < 0.1 < _excess(content + 3 * pattern, content, flat)


def test_waves_longer_than_four_pixels_are_no_artifacts() -> None:
    rows = np.arange(64)
    slow, fast = (np.broadcast_to(np.sin(2 * np.pi * rows / length)[:, None, None], (64, 64, 3)) for length in (8, 3))
    flat = np.zeros((64, 64, 3))
    assert _excess(fast, flat) == pytest.approx(1)
    assert _excess(fast + slow, fast) < 1e-3


def test_sizes(photograph: np.ndarray, content: np.ndarray) -> None:
    """The content comes to the size of the picture, and a style of any proportions is cut."""
    gray, tall = photograph[: 2 * SIDE, : 2 * SIDE + 1, :1], photograph[10 : 10 + SIDE, 100:124]
    found = style_score(gray, tall, content)
    assert found.content < 1 and np.isfinite(found).all()


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((40, 40), (40, 40), (40, 44)), "the stylized picture is 44 x 40 pixels and the content 40 x 40. Both must"),
        (((40, 40), (40, 40), (20, 20)), "stylized is 20 x 20 pixels at the scale of the picture; 31 x 31 are needed."),
        (((32, 32), (10, 32), (32, 32)), "style is 32 x 10 pixels at the scale of the picture; 16 x 16 are needed."),
    ],
)
def test_sizes_that_do_not_fit(photograph: np.ndarray, shapes: tuple[tuple[int, int], ...], message: str) -> None:
    with pytest.raises(InputError) as caught:
        style_score(*(photograph[:height, :width] for height, width in shapes))
    assert str(caught.value).startswith(message)


def test_nothing_to_transfer(content: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"^content and style are the same to the networks"):
        style_score(content, content, content)
    with pytest.raises(InputError, match=r"^style must have values in \[0, 1\]"):
        style_score(content, 2 * content, content)
    with pytest.raises(TypeError, match="to_float"):
        style_score(content, content, np.zeros((SIDE, SIDE, 3), np.uint8))
