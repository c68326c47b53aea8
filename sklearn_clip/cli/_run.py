"""The way in: what to do without click, and what becomes of errors and warnings."""

from __future__ import annotations

import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

# Codes that the command ends with, beside 0.
SOME_ROWS_FAILED, CANNOT, STOPPED, TERMINATED = 1, 2, 130, 143
_SAID: set[str] = set()


class _Terminated(KeyboardInterrupt):
    """SIGTERM, which a shutdown, a container or `timeout` sends."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command and leave Python.

    Parameters
    ----------
    arguments : sequence of str or None, default=None
        What stands behind the name of the command; None takes ``sys.argv``.

    Raises
    ------
    SystemExit
        Always: 0, or 1 if some rows could not be read, 2 if it cannot be done, 130 or
        143 if it was stopped by Ctrl-C or SIGTERM.
    """
    try:
        import click
    except ImportError:
        way = 'pip install "sklearn-clip[cli]"'
        print(f"sklearn-clip needs click. Install it with: {way}", file=sys.stderr)
        sys.exit(CANNOT)
    from sklearn_clip.cli._commands import commands

    _write_text_as_utf8()
    given = list(sys.argv[1:] if arguments is None else arguments)
    # The traceback is for whoever reports a fault.
    traced = "--traceback" in given
    warnings.showwarning = _show_warning
    try:
        with _stopped_as_by_hand():
            code = commands.main(
                args=given, prog_name="sklearn-clip", standalone_mode=False
            )
    except click.exceptions.Abort as exc:
        if not isinstance(exc.__cause__, EOFError):  # click takes that for Ctrl-D
            _stopped(exc.__cause__)
        _fail(exc.__cause__, traced)
    except KeyboardInterrupt as exc:
        _stopped(exc)
    except click.ClickException as exc:
        exc.show()
        sys.exit(CANNOT)
    except Exception as exc:  # whatever it is: 1 would say that all others are done
        _fail(exc, traced)
    sys.exit(code if isinstance(code, int) else 0)


@contextmanager
def _stopped_as_by_hand() -> Iterator[None]:
    """Clear up at SIGTERM as at Ctrl-C, unless the process is to ignore it."""
    before = signal.getsignal(signal.SIGTERM)
    main_thread = threading.current_thread() is threading.main_thread()
    if before is not signal.SIG_DFL or not main_thread:
        yield
        return

    def stop(number, frame):
        raise _Terminated

    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _write_text_as_utf8() -> None:
    """Have every name written: to a pipe as UTF-8, to a terminal as far as it can."""
    change = getattr(sys.stdout, "reconfigure", None)
    if change is not None:
        encoding = None if sys.stdout.isatty() else "utf-8"
        change(encoding=encoding, errors="backslashreplace")


def _fail(exc: BaseException, traced: bool) -> NoReturn:
    if traced:
        traceback.print_exception(exc)
    else:
        print(f"Error: {_sentence(exc)}", file=sys.stderr)
        if type(exc).__name__ == "WeightsUnavailableError":
            print("Here: --model photo-tiny, --model clipart-tiny.", file=sys.stderr)
        if "cache=None" in str(exc):
            way = "Here: --store DIR, or --store none, which keeps nothing."
            print(way, file=sys.stderr)
        if "max_changed" in str(exc):
            way = "Here: --weights, --rows (a folder or a table), --max-changed."
            print(way, file=sys.stderr)
    sys.exit(CANNOT)


def _stopped(exc: BaseException | None) -> NoReturn:
    print(
        "\nStopped. What is embedded is kept: the same command goes on from there.",
        file=sys.stderr,
    )
    sys.exit(TERMINATED if isinstance(exc, _Terminated) else STOPPED)


def _sentence(exc: BaseException) -> str:
    """Text of an error; with its kind where that is no error of a user's input."""
    text = str(exc.args[0]) if isinstance(exc, KeyError) and exc.args else str(exc)
    if isinstance(exc, (ImportError, OSError, TypeError, ValueError)) and text:
        return text
    way = "--traceback shows where."
    return f"{type(exc).__name__}: {text}. {way}" if text else f"{type(exc).__name__}."


def _show_warning(message, category, filename, lineno, file=None, line=None):
    """Show a warning as a line of its own, once, without the place in our code."""
    text = f"Note: {message}"
    if text not in _SAID:
        _SAID.add(text)
        print(text, file=sys.stderr)
