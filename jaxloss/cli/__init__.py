"""The command line: parse, call, print."""

from ._app import app as app, main as main, run as run
