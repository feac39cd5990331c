"""What every test stands on: strict JAX, eight virtual devices, natural images, seeded randomness, the command line."""

import gc
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import numpy as np
import pytest
from jaxtyping import install_import_hook

from tests import annotations as annotations  # so that the hook finds it
from tests._command_line import Run
from tests.photographs import ROOT, crop_sample, sample


# Annotations of the package are checked while the tests run.
install_import_hook("jaxloss", "tests.annotations.check_what_is_accepted")

# Where an accelerator is present, too, the tests run on virtual CPU devices, and so do the programs that they start.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Compilation is nearly all the cost of a test, and what it compiles runs for milliseconds: no optimization pays.
FLAGS = (
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    " --xla_cpu_parallel_codegen_split_count=1"
)
# The emitters of loops before MLIR's compile twice as fast; later versions have no others than those.
if jax.__version_info__ < (0, 11):
    FLAGS += " --xla_cpu_use_fusion_emitters=false"
os.environ.setdefault("XLA_FLAGS", FLAGS)
jax.config.update("jax_platforms", os.environ["JAX_PLATFORMS"])
jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
# Taking its own frames out of a traceback costs JAX milliseconds, and the tests expect thousands of errors.
jax.config.update("jax_traceback_filtering", "off")


def pytest_configure(config: pytest.Config) -> None:
    """What one process of the tests has compiled, the others find, and so does the next run."""
    gc.set_threshold(100_000)  # as the command line does: next to nothing of what JAX makes while it traces is garbage
    cache: pytest.Cache | None = getattr(config, "cache", None)
    if cache is not None:
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache.mkdir("compiled")))
    jax.config.update("jax_compilation_cache_dir", os.environ.get("JAX_COMPILATION_CACHE_DIR"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of a file run in one process, which compiles what they share once; rows of the registry likewise."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(str(item.path)))


def pytest_collection_finish() -> None:
    """What has been imported is there to stay, and no search for garbage goes through it."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """pytest, after this, searches five times for what should have been closed: the first time finds it all."""
    gc.collect()
    gc.freeze()


SHARED_DATA = ROOT.parent / "shared" / "data"

CropPhotograph = Callable[[int, int, int], np.ndarray]


@pytest.fixture(scope="session")
def photograph() -> np.ndarray:
    """The sample photograph of the package, `[H, W, 3]`, float32 in [0, 1]."""
    return sample()


@pytest.fixture(scope="session")
def crop_photograph() -> CropPhotograph:
    """`(count, height, width)` -> that many crops along the photograph's diagonal, `[count, height, width, 3]`."""
    return crop_sample


@pytest.fixture
def photographs(crop_photograph: CropPhotograph) -> np.ndarray:
    """Four natural images, `[4, 176, 192, 3]`, float32 in [0, 1]: large enough for the five scales of MS-SSIM."""
    return crop_photograph(4, 176, 192)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Images and reference results kept beside the repository; a test that needs them is skipped without them."""
    if not SHARED_DATA.is_dir():
        reason = "The data folder ../shared/data is not beside the repository."
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return SHARED_DATA


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers, the same in every run and for every test."""
    return np.random.default_rng(0)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run("compare", "a.png", "b.png")` -> exit code, stdout, stderr of `jaxloss compare a.png b.png`, called here."""

    def call(*arguments: str) -> tuple[int, str, str]:
        from jaxloss import cli  # after the import hook

        monkeypatch.setattr(sys, "argv", ["jaxloss", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, printed.out, printed.err

    return call


@pytest.fixture
def float64() -> Iterator[None]:
    """Double precision for the length of one test: `@pytest.mark.usefixtures("float64")`."""
    with jax.enable_x64(True):
        yield
