"""Compiled programs on the disk: what one call of a command has compiled, the next one finds."""

import os
import warnings
from pathlib import Path

import jax

from ..weights._fetch import cache_folder


VARIABLE = "JAXLOSS_CACHE"
OFF = ("", "0", "off")
LARGEST = 2**28  # bytes; what was not used for longest is dropped first


def keep_compiled_programs() -> None:
    """Tell JAX where to keep them, unless it has been told. Without a folder to write to, commands do without."""
    folder = _folder()
    if folder is None or jax.config.values["jax_compilation_cache_dir"]:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_compilation_cache_max_size", LARGEST)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    # Damaged entries, a full disk: then the program is compiled, which takes longer and is right.
    warnings.filterwarnings("ignore", message=".*(persistent compilation cache|maximum cache size)")


def _folder() -> Path | None:
    named = os.environ.get(VARIABLE)
    if named is None:
        return cache_folder().with_name("compiled")
    return None if named.lower() in OFF else Path(named).expanduser()
