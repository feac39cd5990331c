"""The folder of a run: settings, and a line for each pair, which a run that goes on adds to."""

import contextlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from .._files import InputError, part_file
from ._formats import json_line, json_text
from ._report_records import SCORES, SETTINGS


Row = dict[str, Any]
Key = tuple[str, str]  # method, name

NUMBERS = ("scores", "frames")  # of a row
SHOWN = 5  # settings in an error
BUSY = "{folder}: another run is writing there. Wait for it, or name another folder."


class Output:
    """What one of the processes of a run writes.

    The first one has `run.json` and `scores.jsonl`; each other one a hidden file beside them, which the first one takes
    in when it is complete. A lock on a hidden file says that a process lives; the system drops it with the process.
    """

    def __init__(self, folder: str | os.PathLike[str], process: int = 0, processes: int = 1) -> None:
        self.folder, self.process, self.processes = Path(folder), process, processes
        self.done: set[Key] = set()  # pairs with scores
        self._file: IO[bytes] | None = None

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """No other run, and no other process of this number, can have the folder meanwhile."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = _lock(_lock_path(self.folder, self.process))
        except OSError as error:
            raise InputError(f"{self.folder}: cannot be written to: {error.strerror}.") from error
        if lock is None:
            raise InputError(BUSY.format(folder=self.folder))
        try:
            yield
        finally:
            if self._file is not None:
                self._file.close()
            # While it is locked: who waits for it sees that it is gone, and makes another one.
            _lock_path(self.folder, self.process).unlink(missing_ok=True)
            lock.close()

    def prepare(self, settings: Mapping[str, Any], about: Mapping[str, Any]) -> None:
        """By the first process: settings, equal to those of a run that goes on, and all its rows in one file.

        Args:
            settings: What must not change, as JSON can hold it.
            about: What stands with them and may.

        Raises:
            InputError: If the folder holds a run with other settings, or something else of these names.
        """
        self._clear_up()
        self._check_settings(json.loads(json_text(settings)))
        with part_file(self.folder / SETTINGS) as part:
            _write(part, f"{json_text({**settings, **about})}\n".encode())
            part.replace(self.folder / SETTINGS)
        rows = [row for path in (self.scores, *self._parts()) for row in read_rows(path)]
        kept = {(row["method"], row["name"]): row for row in rows if "error" not in row}  # others are tried again
        with part_file(self.scores) as part:
            _write(part, "".join(map(json_line, kept.values())).encode())
            part.replace(self.scores)
        for path in self._parts():
            path.unlink()

    def _clear_up(self) -> None:
        """What processes that were killed have left behind."""
        ours = {_lock_path(self.folder, process) for process in range(self.processes)}
        for path in set(self.folder.glob(".lock.*")) - ours:
            lock = _lock(path, make=False)
            if lock is None:
                raise InputError(BUSY.format(folder=self.folder))
            path.unlink()
            lock.close()
        for name in (SCORES, SETTINGS):
            stem, extension = os.path.splitext(name)
            for path in self.folder.glob(f".{stem}.*{extension}"):
                path.unlink()

    def begin(self) -> None:
        """Read what is done, and open the file to write to."""
        self.done = {(row["method"], row["name"]) for row in read_rows(self.scores) if "error" not in row}
        self._file = open(self.own, "ab")

    def write(self, rows: Iterable[Row]) -> None:
        """On the disk when it returns: a run that is killed then does not lose them."""
        assert self._file is not None
        try:
            self._file.write("".join(map(json_line, rows)).encode())
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise InputError(f"{self.folder}: cannot be written to: {error.strerror}.") from error

    def finish(self) -> None:
        """By a process that is not the first: tell that its share is complete."""
        self.own.replace(self._complete(self.process))

    def take_in(self, process: int) -> bool:
        """By the first process: the rows of another one, if it is complete.

        Raises:
            InputError: If that process is gone without having completed its share.
        """
        gone = not self.lives(process)  # looked at first, for it completes its share before it goes
        path = self._complete(process)
        if path.exists():
            self.write(read_rows(path))
            path.unlink()
            return True
        if gone:
            self.tell_of_death(process)
        return False

    def check_on(self) -> None:
        """What a process depends on lives: the first one, or for that one all others."""
        others = range(1, self.processes) if self.process == 0 else (0,)
        for process in others:
            if not self.lives(process) and not self._complete(process).exists():
                self.tell_of_death(process)

    def tell_of_death(self, process: int) -> None:
        raise InputError(
            f"process {process} of {self.processes} has ended before its share was done. What is scored is in "
            f"{self.folder}: the same command goes on."
        )

    def lives(self, process: int) -> bool:
        lock = _lock(_lock_path(self.folder, process), make=False)
        if lock is not None:
            lock.close()
        return lock is None and _lock_path(self.folder, process).exists()

    def _check_settings(self, settings: Mapping[str, Any]) -> None:
        path = self.folder / SETTINGS
        if path.exists():
            earlier = _settings(path)
            different = [name for name in settings if earlier.get(name) != settings[name]]
            if different:
                shown = ", ".join(different[:SHOWN])
                raise InputError(f"{self.folder}: holds a run with other settings: {shown}. Name another folder.")
        elif self.scores.exists():
            raise InputError(f"{self.scores}: is there without {SETTINGS}. Name another folder.")

    @property
    def own(self) -> Path:
        """What this process writes to."""
        return self.scores if self.process == 0 else self._part(self.process)

    @property
    def scores(self) -> Path:
        return self.folder / SCORES

    def _part(self, process: int) -> Path:
        return self.folder / f".{SCORES}.{process}.part"

    def _complete(self, process: int) -> Path:
        return self.folder / f".{SCORES}.{process}"

    def _parts(self) -> list[Path]:
        """Of other processes, of an earlier run too."""
        return sorted(self.folder.glob(f".{SCORES}.*"))


def read_rows(path: Path) -> list[Row]:
    """The rows of a file, with NaN for scores that are not computed, but for a last line that is cut off."""
    if not path.exists():
        return []
    *lines, _ = path.read_bytes().split(b"\n")
    try:
        rows = [json.loads(line) for line in lines]
        if all(isinstance(row, dict) and {"method", "name"} <= row.keys() for row in rows):
            return [{key: _numbers(value) if key in NUMBERS else value for key, value in row.items()} for row in rows]
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: not a file of scores: {error}. Name another folder.") from error
    raise InputError(f"{path}: not a file of scores. Name another folder.")


def _numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return math.nan if value is None else float(value)


def _settings(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as the settings of a run. Name another folder.") from error
    return found if isinstance(found, dict) else {}


def _write(path: Path, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _lock_path(folder: Path, process: int) -> Path:
    return folder / f".lock.{process}"


def _lock(path: Path, *, make: bool = True) -> IO[bytes] | None:
    """The file, locked as long as it is open; nothing if another process has it, or if there is none to be locked."""
    import fcntl  # systems without it have no locks that end with a process

    while True:
        try:
            file = open(path, "ab" if make else "r+b")
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        except BlockingIOError:
            file.close()
            return None
        file.close()  # its owner has removed it meanwhile
