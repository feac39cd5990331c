"""Accelerators that are not there: what XLA has to know of a device to compile for it, and what its numbers mean.

JAX's compile-only clients need the plugins of the extra `accelerators`: no device, no driver, no CUDA libraries.
"""

import functools
import importlib.util
import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import topologies


class Device(NamedTuple):
    """One kind of device, or several of them together."""

    platform: str  # "cuda", "tpu"
    topology: Mapping[str, Any]  # arguments of JAX's description of a topology
    bandwidth: float  # of the device memory, bytes per second
    clock: float | None = None  # of a TPU, Hz; the cost model of a GPU answers in microseconds
    together: int = 1
    has_model: bool = True  # whether XLA can estimate the time of a kernel

    @property
    def estimate_s(self) -> float:
        """Seconds per unit of the compiler's estimates."""
        return 1e-6 if self.clock is None else 1 / self.clock

    @property
    def compiler_options(self) -> dict[str, Any]:
        return {"xla_gpu_collect_cost_model_stats": True} if self.platform == "cuda" and self.has_model else {}


def _gpu(capability: int, bandwidth: float, **more: Any) -> Device:
    numbers = {"shared_memory_per_block": 49152, "bandwidth": int(bandwidth), "capability": capability, **more}
    # The table of peak speeds in XLA of JAX 0.10 lacks sm_80: asked for estimates, it fails.
    topology = {"topology": "1x1x1", "target_config": _TARGET.format(**numbers)}
    return Device("cuda", topology, bandwidth, has_model=capability != 8)


_TARGET = """
gpu_device_info {{
  threads_per_block_limit: 1024 threads_per_warp: 32 shared_memory_per_block: {shared_memory_per_block}
  shared_memory_per_core: {shared_memory} threads_per_core_limit: 2048 core_count: {cores} fpus_per_core: {fpus}
  block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
  memory_bandwidth: {bandwidth} l2_cache_size: {l2} clock_rate_ghz: {clock_ghz} device_memory_size: {memory}
  shared_memory_per_block_optin: {shared_memory_optin} cuda_compute_capability {{ major: {capability} }}
  registers_per_core_limit: 65536 registers_per_block_limit: 65536
  thread_dim_limit_x: 1024 thread_dim_limit_y: 1024 thread_dim_limit_z: 64
  device_vendor: "NVIDIA Corporation" name: "{name}"
  driver_version: "12.8.0" runtime_version: "12.8.0" compile_time_toolkit_version: "12.8.0" dnn_version: "9.10.0"
}}
platform_name: "CUDA"
dnn_version_info {{ major: 9 minor: 10 patch: 0 }}
device_description_str: "{name}"
"""


def _tpu(name: str, clock: float, bandwidth: float, together: int = 1, **more: Any) -> Device:
    return Device("tpu", {"topology_name": name, **more}, bandwidth, clock, together)


# Libtpu has to be told the bounds of a host with a single chip.
_ONE_CHIP: dict[str, Any] = {"chips_per_host_bounds": (1, 1, 1)}
# The clock of a TPU follows from its peak in bfloat16: matrix units x 128 x 128 (v6e: 256 x 256) x 2 x clock. JAX sees
# the two cores of a v4 as one device or two; the numbers are of one.
DEVICES: dict[str, Device] = {
    "h100": _gpu(
        9,
        3352.32e9,
        name="NVIDIA H100 80GB HBM3",
        cores=132,
        fpus=128,
        clock_ghz=1.98,
        memory=84942979072,
        l2=52428800,
        shared_memory=233472,
        shared_memory_optin=232448,
    ),
    "a100": _gpu(
        8,
        2039.04e9,
        name="NVIDIA A100-SXM4-80GB",
        cores=108,
        fpus=64,
        clock_ghz=1.41,
        memory=85100068864,
        l2=41943040,
        shared_memory=167936,
        shared_memory_optin=166912,
    ),
    "v4": _tpu("v4:2x2x1", 1.05e9, 614e9),
    "v5e": _tpu("v5e:1x1", 1.5e9, 819e9, **_ONE_CHIP),
    "v6e": _tpu("v6e:1x1", 1.75e9, 1640e9, **_ONE_CHIP),
    "v5e-2x2": _tpu("v5e:2x2", 1.5e9, 819e9, together=4),
}
PLUGINS = {"cuda": "jax_cuda12_plugin", "tpu": "libtpu"}


def missing_plugins(names: Iterable[str]) -> list[str]:
    """What has to be installed to compile for these devices, and is not."""
    needed = dict.fromkeys(PLUGINS[DEVICES[name].platform] for name in names)
    return [plugin for plugin in needed if importlib.util.find_spec(plugin) is None]


def prepare() -> None:
    """Before JAX first looks for devices: it finds the CPU alone, and libtpu does not look for a TPU's host."""
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_compilation_cache", False)  # the time of a compilation is that of a whole one
    os.environ.setdefault("ALLOW_MULTIPLE_LIBTPU_LOAD", "1")  # it would lock out other processes, TPU or not
    os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")


def sharding(name: str, *, replicated: bool = False) -> jax.sharding.Sharding:
    """Of an array on a device that is not there; on several, its first axis is split among them."""
    devices = _devices(name)
    if len(devices) == 1:
        return jax.sharding.SingleDeviceSharding(devices[0])
    mesh = jax.sharding.Mesh(np.array(devices), ("batch",))
    return jax.sharding.NamedSharding(mesh, jax.P() if replicated else jax.P("batch"))


@functools.cache
def _devices(name: str) -> list[Any]:
    """The same whenever they are asked for: JAX takes those of another description for others."""
    device = DEVICES[name]
    topology = topologies.get_topology_desc(platform=device.platform, **device.topology)
    return list(topology.devices[: device.together])
