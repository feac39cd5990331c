"""Feature extractors: image classification networks up to their last convolution, as tables of layers; PartialConv."""

from typing import TYPE_CHECKING as _TYPE_CHECKING, Any as _Any


if _TYPE_CHECKING:
    from ._partial_conv import PartialConv as PartialConv


def __getattr__(name: str) -> _Any:
    """`PartialConv`, when it is asked for: Flax takes as long to import as JAX, and most users need none of it."""
    if name == "PartialConv":
        from ._partial_conv import PartialConv

        return PartialConv
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
