"""A progress bar with the time that is left, measured in the estimated seconds of the steps."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm


class Progress:
    """One bar for a run. Messages go above it."""

    def __init__(self, total: float) -> None:
        self._bar = tqdm(
            total=round(total),
            unit="s",
            dynamic_ncols=True,
            file=sys.stderr,
            mininterval=0.5,
            bar_format="{percentage:3.0f}% |{bar}| {elapsed} gone, about {remaining} left  {desc}",
        )
        self._done = 0.0

    @contextmanager
    def step(self, label: str, weight: float) -> Iterator[None]:
        """Shows label while the body runs, then counts weight as done."""
        self._bar.set_description_str(label)
        yield
        self._done += weight
        self._bar.update(round(self._done) - self._bar.n)

    def say(self, message: str) -> None:
        """Prints a line above the bar."""
        self._bar.write(f"bench: {message}", file=sys.stderr)

    def close(self) -> None:
        """Ends the bar."""
        self._bar.close()


def plain_say(message: str) -> None:
    """What say() is before there is a bar."""
    print(f"bench: {message}", file=sys.stderr, flush=True)


def counting(total: int, label: str):
    """A bar that counts to total, shown only if it takes more than two seconds; returns (callback, close)."""
    bar = tqdm(total=total, desc=label, unit=" rows", file=sys.stderr, delay=2, leave=False)
    return bar.update, bar.close
