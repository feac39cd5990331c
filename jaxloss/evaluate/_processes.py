"""Several processes of one run, on JAX's distributed runtime."""

import jax
import numpy as np

from .._files import InputError


def join_processes(coordinator: str | None = None, *, processes: int | None = None, process: int | None = None) -> None:
    """Make this process one of several that share the pairs of `evaluate`; before anything else of JAX is used.

    On a cluster that JAX knows (TPU, Slurm, Open MPI ...) nothing need be said: it is found out.

    Args:
        coordinator: `"host:port"` of the first process, the same for all.
        processes: How many.
        process: Number of this one, from 0.

    Raises:
        InputError: If the processes do not come together.

    Example:
        >>> import jaxloss
        >>> from jaxloss.evaluate import join_processes
        >>> try:
        ...     join_processes("localhost:8476", processes=4, process=4)
        ... except jaxloss.InputError as error:
        ...     print(error)
        process must be from 0 to 3, got 4.
    """
    given = (coordinator, processes, process)
    if any(value is None for value in given) and any(value is not None for value in given):
        raise InputError("coordinator, processes and process belong together. On a cluster give none of them.")
    if processes is not None and process is not None and not 0 <= process < processes:
        raise InputError(f"process must be from 0 to {processes - 1}, got {process}.")
    try:
        jax.distributed.initialize(coordinator, processes, process)
    except (RuntimeError, ValueError) as error:
        raise InputError(f"the processes do not come together: {str(error).partition(chr(10))[0]}") from error


def agree(error: InputError | None) -> None:
    """All processes wait here for each other, and none goes on if one of them cannot.

    Raises:
        InputError: In all of them.
    """
    bad = np.asarray(error is not None)
    if jax.process_count() > 1:
        from jax.experimental import multihost_utils

        bad = np.asarray(multihost_utils.process_allgather(bad))
    if error is not None:
        raise error
    if bad.any():
        raise InputError(f"process {int(bad.ravel().argmax())} cannot begin; it says why.")
