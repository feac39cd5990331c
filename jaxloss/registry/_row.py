"""What a row of the registry says of a metric."""

import inspect
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..ops._displays import check_display


Options = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What one can know of a metric without calling it. What follows from the function is read off it.

    Attributes:
        function: `function(x, y, *, ...)`, one number per image.
        paper: Where it was defined.
        agrees_with: Implementations that give the same number, in words for a table.
        better: Which way is better.
        lowest: Lower end of the range of scores, for images in their data range.
        highest: Upper end.
        perfect: The score of equal images; by default the better end of the range.
        slack: By how much that of some equal images differs from it.
        symmetric: Whether the images may be exchanged, with the arguments of `example`.
        smooth: Whether its gradient has no jumps, nor slopes that grow without end, at points of almost every image.
        own_faults: Whether it finds faults in the image under test alone, so that equal images are perfect where flat.
        pixelwise: Whether each pixel counts by itself, so that images filled up under a mask score as they are.
        light: Whether its images are light, linear and of any range; with a `display`, those are that are linear.
        blind_to: What makes images perfect that are not equal: a flat reference, or that one is the other's inverse.
        smallest: Least side of an image in pixels, with default arguments.
        channels: The numbers of channels that it takes, or none for any.
        least_channels: The least of them, where any number from there on will do.
        params: What `load_params` takes to make its `params`, or "" for a metric without.
        variant: What sets the row apart from another one of the same function.
        options: The arguments that make it that variant.
        example: Arguments with which it is smooth and takes images of `example_side` pixels: what tests differentiate.
        example_side: Least side of an image in pixels, with the arguments of `example`.
        label: Its name, where that is not the function's.
    """

    function: Callable[..., Any]
    paper: str
    agrees_with: str
    better: Literal["higher", "lower"] = "lower"
    lowest: float = 0
    highest: float = math.inf
    perfect: float = math.nan
    slack: float = 0
    symmetric: bool = True
    smooth: bool = True
    own_faults: bool = False
    pixelwise: bool = False
    light: bool = False
    blind_to: tuple[Literal["flat reference", "inversion"], ...] = ()
    smallest: int = 1
    channels: tuple[int, ...] = ()
    least_channels: int = 1
    params: str = ""
    variant: str = ""
    options: Options = field(default_factory=dict, hash=False)
    example: Options = field(default_factory=dict, hash=False)
    example_side: int = 0
    label: str = ""

    def __post_init__(self) -> None:
        if math.isnan(self.perfect):
            object.__setattr__(self, "perfect", self.highest if self.better == "higher" else self.lowest)
        if not self.example_side:
            object.__setattr__(self, "example_side", self.smallest)

    @property
    def name(self) -> str:
        return self.label or "_".join(filter(None, (self.function.__name__, self.variant)))

    @property
    def kind(self) -> Literal["metric", "loss"]:
        """A score to report, or an objective to minimize."""
        return "loss" if self.function.__name__.endswith("_loss") else "metric"

    @property
    def needs(self) -> tuple[str, ...]:
        """Required keywords besides the two images."""
        return tuple(name for name, parameter in self._keywords.items() if parameter.default is parameter.empty)

    @property
    def has_network(self) -> bool:
        """Whether images go through a network, which takes longer than all else; parameters may be tables, too."""
        return bool(self.params) and ".perceptual." in self.function.__module__

    @property
    def mask(self) -> bool:
        """Whether it takes a mask."""
        return "mask" in self._keywords

    @property
    def takes_display(self) -> bool:
        """Whether its images are shown on a display of choice."""
        return "display" in self._keywords

    @property
    def takes_light(self) -> bool:
        """Whether its images are light: always, or on the display that its options name."""
        if not self.takes_display:
            return self.light
        display = self.options.get("display", self._keywords["display"].default)
        return check_display(self.name, display).eotf == "linear"

    @property
    def map(self) -> Callable[..., Any] | None:
        """The function that returns the field before averaging, where there is one."""
        return getattr(sys.modules[self.function.__module__], f"{self.function.__name__}_map", None)

    def misfit(self, shape: tuple[int, ...]) -> str:
        """What images `[H, W, C]` lack for it, in words; nothing where they suit."""
        return _misfit(shape, self.smallest, self.channels, self.least_channels)

    @property
    def _keywords(self) -> dict[str, inspect.Parameter]:
        parameters = inspect.signature(self.function).parameters
        return {name: row for name, row in parameters.items() if row.kind is row.KEYWORD_ONLY}


@dataclass(frozen=True, kw_only=True)
class NoReference:
    """What one can know of a metric that looks at one image alone.

    Attributes:
        function: `function(x, *, data_range, ...)`, one number per image.
        paper: Where it was defined.
        agrees_with: Implementations that give the same number, in words for a table.
        better: Which way is better.
        smallest: Least side of an image in pixels, with default arguments.
        channels: The numbers of channels that it takes, or none for any.
        params: What `load_params` takes to make its `params`, or "" for a metric without.
        example: Arguments with which it is smooth and takes images of `example_side` pixels: what tests differentiate.
        example_side: Least side of an image in pixels, with the arguments of `example`.
    """

    function: Callable[..., Any]
    paper: str
    agrees_with: str
    better: Literal["higher", "lower"] = "lower"
    smallest: int = 1
    channels: tuple[int, ...] = ()
    params: str = ""
    example: Options = field(default_factory=dict, hash=False)
    example_side: int = 1

    @property
    def name(self) -> str:
        return self.function.__name__

    def misfit(self, shape: tuple[int, ...]) -> str:
        """As that of `Metric`."""
        return _misfit(shape, self.smallest, self.channels)


def _misfit(shape: tuple[int, ...], smallest: int, suiting: tuple[int, ...], least: int = 1) -> str:
    height, width, channels = shape
    lacking = []
    if min(height, width) < smallest:
        lacking.append(f"it needs {smallest} x {smallest} pixels, not {width} x {height}")
    if suiting and channels not in suiting:
        lacking.append(f"it needs {' or '.join(map(str, suiting))} channels, not {channels}")
    if channels < least:
        lacking.append(f"it needs {least} channels or more, not {channels}")
    return ", and ".join(lacking)
