"""The error of all that can be wrong with a file of weights."""


class WeightsError(OSError):
    """A file of weights is missing, cannot be fetched, or is not what it should be. The message is one line."""
