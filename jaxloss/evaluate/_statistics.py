"""Means and covariances of features in the files of pytorch-fid and of ADM."""

import os
import zipfile
import zlib
from typing import Any

import numpy as np

from .._files import InputError, check_destination, part_file, reading
from ..sets._moments import Statistics


EXTENSION = ".npz"


def read_statistics(path: str | os.PathLike[str], *, spatial: bool = False) -> Statistics:
    """Statistics of a reference, from an `.npz` file with arrays `mu` and `sigma`; nothing in it is executed.

    Args:
        path: Of pytorch-fid or of `save_statistics`; or a reference batch of ADM's, whose images stay unread.
        spatial: Read `mu_s` and `sigma_s` instead, of the spatial features that sFID compares, which ADM's files have.

    Returns:
        `Statistics` of NumPy arrays of float64, for `jaxloss.sets.frechet_score`.

    Raises:
        InputError: If there is no such file, or its arrays are not a mean and a covariance.

    Example:
        >>> import numpy as np, tempfile
        >>> from jaxloss.evaluate import read_statistics
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.savez(f"{folder}/reference.npz", mu=np.zeros(3), sigma=np.eye(3))
        ...     found = read_statistics(f"{folder}/reference.npz")
        >>> print(found.covariance.shape)
        (3, 3)
    """
    names = _names(spatial)
    try:
        with reading(path), open(path, "rb") as stream:
            file = np.load(stream, allow_pickle=False)
            if isinstance(file, np.ndarray):
                raise InputError(f"{path}: one array, not an archive of them. Write it with np.savez.")
            missing = [name for name in names if name not in file.files]
            if missing:
                there = ", ".join(file.files) or "nothing"
                raise InputError(f"{path}: no array {' and no array '.join(missing)}; there is {there}.")
            mean, covariance = (np.asarray(file[name]) for name in names)
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: not an {EXTENSION} file of numbers: {error}.") from error
    return _checked(path, names, mean, covariance)


def save_statistics(path: str | os.PathLike[str], statistics: Statistics, *, spatial: bool = False) -> None:
    """Write statistics as pytorch-fid and ADM's evaluator read them: `mu` and `sigma` of float64, whole or not at all.

    Args:
        path: Where to: `"reference.npz"`.
        statistics: Of `jaxloss.sets.host_statistics`.
        spatial: Call them `mu_s` and `sigma_s`, of the features that sFID compares.

    Returns:
        Nothing.

    Raises:
        InputError: If they cannot be written there, or are not finite.

    Example:
        >>> import numpy as np, tempfile
        >>> from jaxloss.evaluate import read_statistics, save_statistics
        >>> from jaxloss.sets import Statistics
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_statistics(f"{folder}/reference.npz", Statistics(np.zeros(3), np.eye(3)))
        ...     print(read_statistics(f"{folder}/reference.npz").mean)
        [0. 0. 0.]
    """
    path = check_destination(path, (EXTENSION,), "file of statistics")
    mean, covariance = _checked(path, Statistics._fields, *map(np.asarray, statistics))
    with part_file(path) as part:
        arrays: dict[str, Any] = dict(zip(_names(spatial), (mean, covariance), strict=True))
        np.savez(part, **arrays)
        part.replace(path)


def _names(spatial: bool) -> tuple[str, str]:
    return ("mu_s", "sigma_s") if spatial else ("mu", "sigma")


def _checked(path: object, names: tuple[str, ...], mean: np.ndarray, covariance: np.ndarray) -> Statistics:
    (first, second), shapes = names, (mean.shape, covariance.shape)
    if mean.ndim != 1 or covariance.shape != 2 * mean.shape:
        raise InputError(f"{path}: {first} and {second} have shapes {shapes[0]} and {shapes[1]}, not [d] and [d, d].")
    for name, array in zip(names, (mean, covariance), strict=True):
        if not np.issubdtype(array.dtype, np.floating) or not np.isfinite(array).all():
            raise InputError(f"{path}: {name} has to be of finite floating numbers.")
    return Statistics(mean.astype(np.float64), covariance.astype(np.float64))
