"""What the command says while it works: on stderr, so that results may go to stdout."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

from sklearn_clip._shared import counted

# Seconds between lines that stand for a bar.
_PAUSE = 60


class Talk:
    """Lines and progress bars, or silence.

    Parameters
    ----------
    quiet : bool
        Whether to say nothing.
    """

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet

    def say(self, line: str = "") -> None:
        """Say a line.

        Parameters
        ----------
        line : str, default=""
            The line.
        """
        if not self.quiet:
            print(line, file=sys.stderr, flush=True)

    def say_if(self, line: str | None) -> None:
        """Say a line if there is one.

        Parameters
        ----------
        line : str or None
            The line.
        """
        if line is not None:
            self.say(line)

    def follow(self, blocks: Iterable[Any], total: int, what: str) -> Iterator[Any]:
        """Yield blocks of rows, with a bar of the rows that are done.

        In a file or a pipe, it is a line of them every minute.

        Parameters
        ----------
        blocks : iterable of sized
            What is worked on.
        total : int
            Rows in all of them.
        what : str
            What is done.

        Yields
        ------
        sized
            The blocks.
        """
        from tqdm import tqdm

        # None: no bar where nobody looks at it.
        hidden = True if self.quiet else None
        done, said = 0, time.monotonic()
        with tqdm(total=total, desc=what, unit=" rows", disable=hidden) as bar:
            for block in blocks:
                yield block
                bar.update(len(block))
                done += len(block)
                if bar.disable and time.monotonic() >= said + _PAUSE and done < total:
                    self.say(f"{what}: {done:,} of {counted(total, 'row')}")
                    said = time.monotonic()
