"""How annotations are checked while the tests run: see `install_import_hook` in tests/conftest.py."""

import inspect
from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype


check = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int will do for a float, as type checkers have it


def check_what_is_accepted(function: Callable[..., Any]) -> Callable[..., Any]:
    """Check arguments and result after the call: what a function refuses itself is no breach of its annotations.

    jaxtyping makes two functions of each one, which beartype would check: one of the arguments alone, called before
    the body, whose result is Any, and one of the arguments with the result, called after it.
    """
    return function if inspect.signature(function).return_annotation is Any else check(function)
