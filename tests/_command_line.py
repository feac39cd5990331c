"""What the tests of the command line share: how it is called, and what its users are told."""

from collections.abc import Callable
from pathlib import Path


# Arguments -> exit code, stdout, stderr.
Run = Callable[..., tuple[int, str, str]]


def only_line(text: str) -> str:
    """The one line of what was printed on stderr."""
    (line,) = text.splitlines()
    assert line.startswith("jaxloss: ")
    return line.removeprefix("jaxloss: ")


def files(folder: Path) -> dict[str, bytes]:
    """What lies in the folder, by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
