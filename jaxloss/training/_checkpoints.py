"""Checkpoints of a training: saved whole or not at all, verified before they are read, refused by other trainings."""

import contextlib
import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._files import InputError
from ..weights._tensors import digest


KEPT = 3  # of the newest
TREE, RECORD = "tree", "record.json"
SHOWN = 5  # names in an error


class Restored(NamedTuple):
    """What was saved.

    Attributes:
        step: Number of steps done.
        tree: The arrays.
        record: What was said with them.
        notes: A sentence on each newer checkpoint that is damaged.
    """

    step: int
    tree: Any
    record: Any
    notes: list[str]


class Damaged(Exception):
    """A checkpoint is not what was saved; the message says which file."""


class Checkpoints:
    """The checkpoints of one training in a folder, by their number of steps.

    Each is a folder: Orbax's `tree`, and `record.json` with the settings of the training, a record of its course, and
    the digests of all files. It is written under another name and renamed when it is complete: what can be seen is
    whole, and what is damaged later is noticed. With several processes all of them see one folder and call `save`.
    """

    def __init__(self, folder: str | os.PathLike[str], settings: Mapping[str, Any]) -> None:
        """The settings, in JSON's types, decide on the results; checkpoints of others are refused."""
        self.folder = Path(folder).absolute()  # as Orbax wants it
        self.settings = dict(settings)

    def prepare(self, *, resume: bool) -> None:
        """Before the work begins: refuse a folder that cannot be written to, or has checkpoints nobody resumes.

        Raises:
            InputError: If it is one of these.
        """
        if not resume and self.steps():
            raise InputError(
                f"{self.folder}: there are checkpoints of an earlier training. Resume it, or name another folder."
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self.folder}: cannot be made: {error.strerror}.") from error
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise InputError(f"{self.folder}: no permission to write there. Name another folder.")

    def steps(self) -> list[int]:
        """Of the checkpoints that are there, the newest first."""
        names = os.listdir(self.folder) if self.folder.is_dir() else []
        return sorted((int(name) for name in names if name.isdecimal()), reverse=True)

    def save(self, step: int, tree: Any, record: Any = None) -> None:
        """Save arrays after so many steps, and drop the oldest of more than three checkpoints.

        Args:
            step: Number of steps done.
            tree: Any pytree of arrays, keys of random numbers among them; none is empty.
            record: Whatever JSON can hold.

        Raises:
            InputError: If it cannot be written. The earlier ones stay.
        """
        part, arrays = self.folder / f".{step}.part", _plain(tree)
        about = {"settings": self.settings, "record": record, "arrays": _layout(arrays)}
        try:
            if _first():
                shutil.rmtree(part, ignore_errors=True)
                part.mkdir(parents=True)
            _wait_for_all("a folder to save in")
            with _quiet_orbax() as orbax:
                handler = orbax.Checkpointer(orbax.StandardCheckpointHandler())
                handler.save(part / TREE, args=orbax.args.StandardSave(arrays))
            if _first():
                _write_record(part, {**about, "files": _digests(part)})
                self._put_in_place(part, step)
            _wait_for_all("a checkpoint")
        except (OSError, ValueError) as error:
            what = f"{self.folder}: the checkpoint of step {step} cannot be written: {_reason(error)}."
            raise InputError(f"{what} Earlier ones: {', '.join(map(str, self.steps())) or 'none'}.") from error
        finally:
            if _first():
                shutil.rmtree(part, ignore_errors=True)

    def _put_in_place(self, part: Path, step: int) -> None:
        place = self.folder / str(step)
        shutil.rmtree(place, ignore_errors=True)  # a damaged one, as the training came here again
        os.replace(part, place)
        for old in self.steps()[KEPT:]:
            shutil.rmtree(self.folder / str(old), ignore_errors=True)

    def restore(self, like: Any) -> Restored | None:
        """The newest checkpoint that is not damaged; None where there is none at all.

        Args:
            like: Arrays of the same shapes and types, placed on devices as the result is to be.

        Raises:
            InputError: If all are damaged, or if the training had other settings or arrays.
        """
        damages: list[str] = []
        for step in self.steps():
            path = self.folder / str(step)
            try:
                about = _read_record(path)
            except Damaged as damage:
                damages.append(str(damage))
                continue
            self._check(path, about, _layout(_plain(like)))
            notes = [f"{damage} The training goes on from {path}." for damage in damages]
            return Restored(step, _read_tree(path / TREE, like), about["record"], notes)
        if damages:
            raise InputError(f"{damages[0]} No other checkpoint is left: delete {self.folder} and start again.")
        return None

    def _check(self, path: Path, about: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
        for what, saved, own in (("settings", about["settings"], self.settings), ("arrays", about["arrays"], arrays)):
            different = sorted(name for name in {**saved, **own} if saved.get(name) != own.get(name))
            if different:
                more = f" and {len(different) - SHOWN} more" if len(different) > SHOWN else ""
                shown = ", ".join(different[:SHOWN]) + more
                raise InputError(f"{path}: made with other {what}: {shown}. Use those, or name another folder.")


def _first() -> bool:
    return jax.process_index() == 0


def _wait_for_all(what: str) -> None:
    if jax.process_count() > 1:
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices(what)


@contextlib.contextmanager
def _quiet_orbax() -> Iterator[Any]:
    """The library, which logs what it raises, with pages of traces."""
    import orbax.checkpoint

    logger = logging.getLogger("absl")
    was, logger.disabled = logger.disabled, True
    try:
        yield orbax.checkpoint
    finally:
        logger.disabled = was


def digest_of(tree: Any) -> str:
    """sha256 over names, types, shapes and numbers of the arrays."""
    return digest({name: np.asarray(array) for name, array in _plain(tree).items()})


def _plain(tree: Any) -> dict[str, Any]:
    """Arrays by their path in the tree; keys of random numbers as the numbers they are made of."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): _numbers(leaf) for path, leaf in leaves}


def _numbers(leaf: Any) -> Any:
    """On the host, which is all the same to Orbax; only what is spread over several processes cannot come there."""
    leaf = jax.random.key_data(leaf) if _is_key(leaf) else leaf
    spread = isinstance(leaf, jax.Array) and not (leaf.is_fully_addressable or leaf.is_fully_replicated)
    return leaf if spread else np.asarray(leaf)


def _is_key(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _layout(arrays: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {name: [array.dtype.name, *array.shape] for name, array in arrays.items()}


def _digests(folder: Path) -> dict[str, str]:
    """Of all files below it, by their names from there."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): _digest(path) for path in files}


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_record(folder: Path, about: Mapping[str, Any]) -> None:
    text = json.dumps(about)
    digest = hashlib.sha256(text.encode()).hexdigest()
    (folder / RECORD).write_text(f"{text}\n{digest}\n", encoding="utf-8")


def _read_record(folder: Path) -> dict[str, Any]:
    """What was said of a checkpoint, if all of it is as it was saved."""
    try:
        text, digest = (folder / RECORD).read_text(encoding="utf-8").splitlines()
        if hashlib.sha256(text.encode()).hexdigest() != digest:
            raise ValueError
        about = json.loads(text)
    except (OSError, ValueError) as error:
        raise Damaged(f"{folder / RECORD}: damaged.") from error
    for name, digest in about["files"].items():
        try:
            found = _digest(folder / name)
        except OSError as error:
            raise Damaged(f"{folder / name}: cannot be read: {error.strerror}.") from error
        if found != digest:
            raise Damaged(f"{folder / name}: damaged.")
    return about


def _read_tree(path: Path, like: Any) -> Any:
    wanted = {
        name: jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=getattr(array, "sharding", None))
        for name, array in _plain(like).items()
    }
    with _quiet_orbax() as orbax:
        handler = orbax.Checkpointer(orbax.StandardCheckpointHandler())
        arrays = handler.restore(path, args=orbax.args.StandardRestore(wanted))
    leaves, structure = jax.tree.flatten(like)
    return jax.tree.unflatten(
        structure, [_placed(arrays[name], leaf) for name, leaf in zip(wanted, leaves, strict=True)]
    )


def _placed(array: Any, like: Any) -> Any:
    if _is_key(like):
        array = jax.random.wrap_key_data(array, impl=jax.random.key_impl(like))
    return jax.device_put(array, like.sharding) if isinstance(like, jax.Array) else array


def _reason(error: Exception) -> str:
    """In the words of the system, where it refused something."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    code = re.search(r"os_error_code='(\d+)'", str(error))  # as Orbax's files have it
    return os.strerror(int(code[1])) if code else str(error).partition("\n")[0].rstrip(".")
