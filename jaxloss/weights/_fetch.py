"""Downloads official files, keeps of them what is needed, in the user's cache."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .._checks import error_text
from ._errors import WeightsError
from ._files import check_sha256, read_trunk, save_trunk
from ._manifest import Trunk


CHUNK = 2**16  # bytes


def cache_folder() -> Path:
    """For what was fetched or converted: below XDG_CACHE_HOME or ~/.cache on Linux, its like on other systems."""
    import pooch

    return pooch.os_cache("jaxloss") / "weights"


def fetch(trunk: Trunk) -> Path:
    """Download the official file, check it, and keep its convolutions in the cache.

    Each process downloads into a folder of its own and renames the result, so that two at once do not meet.

    Raises:
        WeightsError: If there is no network, the file is not the official one, or the cache cannot be written to.
    """
    path = cache_folder() / trunk.exact_name
    with _scratch_folder(path.parent) as scratch:
        official = scratch / trunk.official_name
        _download(trunk, official)
        check_sha256(official, trunk.sha256, f"It was damaged or replaced on its way. {_by_hand(trunk)}")
        save_trunk(path, read_trunk(official, trunk), trunk)
    return path


@contextmanager
def _scratch_folder(parent: Path) -> Iterator[Path]:
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(dir=parent, prefix=".fetching-")
    except OSError as error:
        way_out = "Name another cache with XDG_CACHE_HOME, or keep weights in the folder that JAXLOSS_WEIGHTS names."
        raise WeightsError(error_text(str(parent), "a folder that can be written to", error, way_out)) from error
    with folder as name:
        yield Path(name)


def _download(trunk: Trunk, path: Path) -> None:
    import pooch
    import requests

    try:
        with _progress_bar(trunk) as bar:
            # pooch would leave the connection open where the answer is an error.
            hooks = {"response": lambda response, **_: None if response.ok else response.close()}
            pooch.HTTPDownloader(progressbar=bar, chunk_size=CHUNK, hooks=hooks)(trunk.url, str(path), None)
    except requests.exceptions.RequestException as error:
        raise WeightsError(error_text(trunk.net, f"to download {trunk.url}", error, _by_hand(trunk))) from error
    except OSError as error:
        raise WeightsError(error_text(str(path), "room for the file", error, "Make room on the disk.")) from error


def _by_hand(trunk: Trunk) -> str:
    """What to do without a network, or behind a proxy that HTTPS_PROXY does not name."""
    name = trunk.official_name
    return (
        f"With a network, download {trunk.url} ({trunk.size / 1e6:.0f} MB); then run: jaxloss weights convert "
        f"{name}; or put it into the folder that the environment variable JAXLOSS_WEIGHTS names. A proxy is named by "
        "HTTPS_PROXY."
    )


class _Bar:
    """What pooch asks of a progress bar, drawn by Rich on terminals."""

    def __init__(self, trunk: Trunk) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        self.progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._task = self.progress.add_task(trunk.official_name, total=trunk.size)

    @property
    def total(self) -> float | None:
        return self.progress.tasks[0].total

    @total.setter
    def total(self, size: float) -> None:
        if size:  # 0 where the server does not say
            self.progress.update(self._task, total=size)

    def update(self, size: float) -> None:
        self.progress.advance(self._task, size)

    def reset(self) -> None:
        self.progress.reset(self._task)

    def close(self) -> None:
        """The context manager ends the display, after errors too."""


@contextmanager
def _progress_bar(trunk: Trunk) -> Iterator[Any]:  # For pooch, a bar is a bool, or else undeclared.
    bar = _Bar(trunk)
    with bar.progress:
        yield bar
