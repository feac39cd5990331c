"""Programs that score one pair of images: compiled side by side, and found again by the next process.

Tracing takes longer than running. Where JAX keeps compiled programs (`jax_compilation_cache_dir`), they are kept here a
second time, under a name that is known before anything is traced.
"""

import contextlib
import functools
import hashlib
import math
import os
import pickle
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr

from .._files import InputError, part_file
from .._types import Array, Image, Params, Scalar, Scores
from ..registry import Metric


Rows = tuple[Metric, ...]
Program = Callable[..., dict[str, Scores]]

# Optimization takes time for each operation, and spares time for each number that it computes. Programs are compiled
# side by side: those that are not optimized only cost more when they are split for many cores.
OPTIMIZED: dict[str, str | bool] = {
    "xla_backend_optimization_level": "1",  # as fast as the highest
    "xla_llvm_disable_expensive_passes": True,
}
QUICK = OPTIMIZED | {"xla_backend_optimization_level": "0", "xla_cpu_parallel_codegen_split_count": "1"}
if jax.__version_info__ < (0, 11):  # the emitters of loops before MLIR's compile twice as fast
    QUICK["xla_cpu_use_fusion_emitters"] = False
MUCH = 2**18  # numbers for each operation, from which on a program is worth its optimization

PACKAGE = Path(__file__).parents[1]
FOLDER = "scores"  # in JAX's own
LARGEST = 2**27  # bytes; what was not used for longest is dropped first
_PROGRAMS: dict[str, Program] = {}  # of this process, by `_key`


def score_pair(
    image: Array, reference: Array, data_range: float, load: Callable[[str], Params], *, fitting: Rows
) -> dict[str, Scores]:
    """By name, of one image `[H, W, C]`. Metrics of one file are one program, in which they share what they compute.

    What has no parameters runs while those of networks are loaded.
    """
    families: dict[str, list[Metric]] = {}
    for row in fitting:
        families.setdefault(row.function.__module__, []).append(row)
    unit = jax.device_put(np.asarray(data_range, reference.dtype))
    # While one is compiled or run the next is traced.
    with ThreadPoolExecutor(os.cpu_count()) as workers, _kept_here_only():
        kept = []
        for family in sorted(families.values(), key=_is_learned):  # networks, which run on all cores, come last
            params = {row.name: load(row.params) for row in family if row.params}
            given = tuple(family), (image, reference, unit, params)
            kept.append((given, _start_kept(workers, *given)))
        started = [wait() or _start(workers, *given) for given, wait in kept]
        scores = [wait() for wait in started]
    return functools.reduce(dict.__or__, scores, {})


@contextlib.contextmanager
def _kept_here_only() -> Iterator[None]:
    """A program that JAX finds in its own cache cannot be written a second time: so it does not keep these."""
    name = "jax_persistent_cache_min_compile_time_secs"
    before = jax.config.values[name]
    jax.config.update(name, math.inf)
    try:
        yield
    finally:
        jax.config.update(name, before)


@functools.partial(jax.jit, static_argnames="fitting")
def score_by_all(
    image: Image, reference: Image, data_range: Scalar, params: Mapping[str, Params], *, fitting: Rows
) -> dict[str, Scores]:
    """By name, of one image or a batch, in one program."""
    scores = {}
    for row in fitting:
        supplied = {"data_range": data_range, "params": params.get(row.name)}
        scores[row.name] = row.function(image, reference, **row.options, **{key: supplied[key] for key in row.needs})
    return scores


@functools.partial(jax.jit, static_argnames="fitting")
def _score_family(*arguments: Any, fitting: Rows) -> dict[str, Scores]:
    return score_by_all(*arguments, fitting=fitting)


Wait = Callable[[], dict[str, Scores]]


def _start_kept(workers: ThreadPoolExecutor, family: Rows, arguments: tuple[Any, ...]) -> Callable[[], Wait | None]:
    """What waits for the program of this process or that on the disk, and what then waits for its scores."""
    key = _key(family, arguments)
    path = _path(family, key)
    if key in _PROGRAMS:
        return lambda: lambda: _PROGRAMS[key](*arguments)
    if path is None:
        return lambda: None
    running = workers.submit(_run_kept, path, key, arguments)

    def wait() -> Wait | None:
        scores = running.result()
        return None if scores is None else lambda: scores

    return wait


def _start(workers: ThreadPoolExecutor, family: Rows, arguments: tuple[Any, ...]) -> Wait:
    """What waits for the scores of a new program."""
    key, image = _key(family, arguments), arguments[0]
    path = _path(family, key)
    traced = _score_family.trace(*arguments, fitting=family)
    operations, numbers = _work(traced.jaxpr.jaxpr)
    options = (OPTIMIZED if numbers > MUCH * operations else QUICK) if _platform(image) == "cpu" else None
    compiling = workers.submit(traced.lower().compile, compiler_options=options)

    def wait() -> dict[str, Scores]:
        compiled = _PROGRAMS[key] = compiling.result()
        scores = compiled(*arguments)
        if path is not None:
            _write(path, compiled)
        return scores

    return wait


def _work(program: Jaxpr) -> tuple[int, int]:
    """How many operations there are, and how many numbers they compute."""
    operations = numbers = 0
    for operation in program.eqns:
        inner = [part for part in jax.tree.leaves(operation.params) if isinstance(part, Jaxpr | ClosedJaxpr)]
        for part in inner:
            more, their_numbers = _work(part.jaxpr if isinstance(part, ClosedJaxpr) else part)
            operations += more
            numbers += operation.params.get("length", 1) * their_numbers  # of a loop
        if not inner:
            operations += 1
            numbers += sum(math.prod(getattr(out.aval, "shape", ())) for out in operation.outvars)
    return operations, numbers


def _is_learned(family: Sequence[Metric]) -> bool:
    return family[0].has_network


def _platform(image: Array) -> str:
    (device,) = image.devices()
    return device.platform


def _key(family: Rows, arguments: tuple[Any, ...]) -> str:
    """What the program depends on."""
    functions = [(row.name, row.function.__module__, row.function.__qualname__, id(row.function)) for row in family]
    if _is_ours(family):  # another process has them elsewhere
        functions = [function[:-1] for function in functions]
    options = [sorted(row.options.items()) for row in family]
    leaves, tree = jax.tree.flatten(arguments)
    shapes = [str(jax.typeof(leaf)) for leaf in leaves]
    return hashlib.sha256(repr((functions, options, shapes, str(tree), _surroundings())).encode()).hexdigest()


def _is_ours(family: Rows) -> bool:
    return all(row.function.__module__.startswith(f"{PACKAGE.name}.") for row in family)


def _surroundings() -> tuple[object, ...]:
    device, config = jax.local_devices()[0], jax.config.values
    settings = [config[name] for name in ("jax_enable_x64", "jax_default_matmul_precision", "jax_default_device")]
    return _installation(), device.platform, device.device_kind, len(jax.local_devices()), repr(settings)


@functools.cache
def _installation() -> tuple[object, ...]:
    """The sources by their dates, the versions below them, and the processor that they are compiled for."""
    sources = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(PACKAGE.rglob("*.py"))]
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    except OSError:
        processor = platform.processor()
    flags = [os.environ.get(name) for name in ("XLA_FLAGS", "LIBTPU_INIT_ARGS")]
    return repr(sources), jax.__version__, version("jaxlib"), platform.machine(), processor, repr(flags)


def _path(family: Rows, key: str) -> Path | None:
    """None for functions of others, which may change without notice, and where nothing is kept."""
    folder = jax.config.values["jax_compilation_cache_dir"]
    return Path(folder) / FOLDER / key if folder and _is_ours(family) else None


def _run_kept(path: Path, key: str, arguments: tuple[Any, ...]) -> dict[str, Scores] | None:
    from jax.experimental.serialize_executable import deserialize_and_load

    try:
        content = pickle.loads(path.read_bytes())
        os.utime(path)
        program = deserialize_and_load(*content, execution_devices=list(arguments[0].devices()))
        scores = jax.block_until_ready(program(*arguments))
    except Exception:  # of a missing or damaged file, which can raise anything: it is compiled anew
        return None
    _PROGRAMS[key] = program
    return scores


def _write(path: Path, compiled: Any) -> None:
    from jax.experimental.serialize_executable import serialize

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part_file(path) as part:
            part.write_bytes(pickle.dumps(serialize(compiled)))
            part.replace(path)
        _drop_oldest(path.parent)
    except (OSError, ValueError, InputError):  # no room, no permission, or a device whose programs cannot be kept
        return


def _drop_oldest(folder: Path) -> None:
    ages = sorted(((path.stat().st_mtime, path.stat().st_size, path) for path in folder.iterdir()), reverse=True)
    total = 0
    for _, size, path in ages:
        total += size
        if total > LARGEST:
            path.unlink(missing_ok=True)
