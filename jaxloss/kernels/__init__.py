"""Kernels of our own, for devices on which XLA makes many of what could be one. Only who calls them by name gets them.

They need the extra `warp` (NVIDIA Warp) when a program is compiled for an NVIDIA GPU. They were compared with the plain
functions on Warp's CPU target, and compiled for compute capabilities 8.0 and 9.0; on a GPU they have not yet run.
"""

from ._fused_ssim import fused_ssim as fused_ssim
