"""The error of all that a user can get wrong with files and names."""


class InputError(ValueError):
    """What was given cannot be used: a file, a name or a path. The message is one line for people to read.

    Example:
        >>> from jaxloss.evaluate import InputError, read_image
        >>> try:
        ...     read_image("nowhere.png")
        ... except InputError as error:
        ...     print(error)
        nowhere.png: no such file.
    """
