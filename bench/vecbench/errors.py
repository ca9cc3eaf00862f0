"""Errors that end a run with a message instead of a traceback."""


class BenchError(Exception):
    """Something the user can mend: a missing file, no server, not enough disk. Printed as it is; exit status 1."""
