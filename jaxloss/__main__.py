"""`python -m jaxloss`: the command line without its console script."""

from .cli import run


if __name__ == "__main__":
    run()
