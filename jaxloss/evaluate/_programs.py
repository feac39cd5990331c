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
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax

from .._files import InputError, part_file
from .._types import Array, Image, Params, Scalar, Scores
from ..registry import Metric


Rows = tuple[Metric, ...]
Program = Callable[..., dict[str, Scores]]

PACKAGE = Path(__file__).parents[1]
FOLDER = "scores"  # in JAX's own
LARGEST = 2**27  # bytes; what was not used for longest is dropped first
_PROGRAMS: dict[str, Program] = {}  # of this process, by `_key`


def score_pair(
    image: Array, reference: Array, data_range: float, params: Mapping[str, Params], *, fitting: Rows
) -> dict[str, Scores]:
    """By name, of one image `[H, W, C]`. Metrics of one file are one program, in which they share what they compute."""
    families: dict[str, list[Metric]] = {}
    for row in fitting:
        families.setdefault(row.function.__module__, []).append(row)
    arguments = []
    for family in families.values():
        needed = {row.name: params[row.name] for row in family if row.name in params}
        arguments.append((family, (image, reference, data_range, needed)))
    # While one is compiled the next is traced, and the first ones run.
    with ThreadPoolExecutor(os.cpu_count()) as compilers, _kept_here_only():
        started = [_start(compilers, tuple(family), given) for family, given in arguments]
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


def _start(compilers: ThreadPoolExecutor, family: Rows, arguments: tuple[Any, ...]) -> Callable[[], dict[str, Scores]]:
    """What waits for the scores: of the program of this process, else of that on the disk, else of a new one."""
    key = _key(family, arguments)
    path = _path(family, key)
    if key not in _PROGRAMS and path is not None:
        scores = _run_kept(path, key, arguments)
        if scores is not None:
            return lambda: scores
    if key in _PROGRAMS:
        return lambda: _PROGRAMS[key](*arguments)
    compiling: Future[Any] = compilers.submit(_score_family.lower(*arguments, fitting=family).compile)

    def wait() -> dict[str, Scores]:
        compiled = _PROGRAMS[key] = compiling.result()
        scores = compiled(*arguments)
        if path is not None:
            _write(path, compiled)
        return scores

    return wait


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
