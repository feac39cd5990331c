"""Results as JSON lines: the first line says what ran where, each other line is one measurement."""

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import jax


ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks" / "results"

Record = dict[str, Any]


class Run(NamedTuple):
    """One file of results."""

    about: Record  # script, date, commit, machine, device, versions, settings
    measurements: list[Record]


def describe_run(script: str, settings: Record, distributions: Iterable[str] = ()) -> Record:
    """What one has to know to judge a measurement; nothing that tells whose machine it was."""
    return {
        "script": script,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": _machine(),
        "device": _device(),
        "python": platform.python_version(),
        "versions": _versions(("jax", "jaxlib", "numpy", *distributions)),
        "settings": settings,
    }


def start_file(path: Path, about: Record) -> None:
    """Begin a file, in place of an older one of that name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_line(about), encoding="utf-8")


def append(path: Path, measurement: Record) -> None:
    """At once, so that a run that is stopped leaves what it measured."""
    with path.open("a", encoding="utf-8") as file:
        file.write(_line(measurement))


def read_file(path: Path) -> Run:
    about, *measurements = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return Run(about, measurements)


def read_runs(script: str, folder: Path = FOLDER) -> Iterator[Run]:
    """The runs of a script, oldest first."""
    runs = [read_file(path) for path in sorted(folder.glob("*.jsonl"))]
    yield from sorted((run for run in runs if run.about["script"] == script), key=lambda run: run.about["date"])


def _line(record: Record) -> str:
    return json.dumps(record, allow_nan=False) + "\n"


def _machine() -> Record:
    pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(pages / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _device() -> str:
    """`"cpu"`, or the model of the accelerator."""
    device = jax.devices()[0]
    return "cpu" if device.platform == "cpu" else device.device_kind


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor())


def _versions(distributions: Iterable[str]) -> dict[str, str]:
    found = {}
    for name in distributions:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _commit() -> str | None:
    """Short name of the commit, with a `+` when the package differs from it; None outside a repository."""
    try:
        name = _git("rev-parse", "--short", "HEAD")
        return name + "+" if _git("status", "--porcelain", "--", "jaxloss") else name
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*arguments: str) -> str:
    return subprocess.check_output(["git", *arguments], cwd=ROOT, text=True, stderr=subprocess.DEVNULL).strip()
