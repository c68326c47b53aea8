"""The way in: what to do without click, and what becomes of errors and warnings."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

# Codes that the command ends with, beside 0.
SOME_ROWS_FAILED, CANNOT, STOPPED = 1, 2, 130
_SAID: set[str] = set()


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command and leave Python.

    Parameters
    ----------
    arguments : sequence of str or None, default=None
        What stands behind the name of the command; None takes ``sys.argv``.

    Raises
    ------
    SystemExit
        Always: 0, or 1 if some rows could not be read, 2 if it cannot be done, 130 if
        it was stopped.
    """
    try:
        import click
    except ImportError:
        way = "pip install 'sklearn-clip[cli]'"
        print(f"sklearn-clip needs click. Install it with: {way}", file=sys.stderr)
        sys.exit(CANNOT)
    from sklearn_clip.cli._commands import commands

    given = list(sys.argv[1:] if arguments is None else arguments)
    # The traceback is for whoever reports a fault.
    traced = "--traceback" in given
    warnings.showwarning = _show_warning
    try:
        code = commands.main(
            args=given, prog_name="sklearn-clip", standalone_mode=False
        )
    except click.exceptions.Abort:
        _stopped()
    except KeyboardInterrupt:
        _stopped()
    except click.ClickException as exc:
        exc.show()
        sys.exit(CANNOT)
    except (
        ArithmeticError,
        ImportError,
        LookupError,
        OSError,
        TypeError,
        ValueError,
    ) as exc:
        if traced:
            raise
        print(f"Error: {_sentence(exc)}", file=sys.stderr)
        if type(exc).__name__ == "WeightsUnavailableError":
            print("Here: --model photo-tiny, --model clipart-tiny.", file=sys.stderr)
        sys.exit(CANNOT)
    sys.exit(code if isinstance(code, int) else 0)


def _stopped() -> NoReturn:
    print(
        "\nStopped. What is embedded is kept: the same command goes on from there.",
        file=sys.stderr,
    )
    sys.exit(STOPPED)


def _sentence(exc: BaseException) -> str:
    """Text of an error, or its kind where it has none."""
    text = str(exc.args[0]) if isinstance(exc, KeyError) and exc.args else str(exc)
    return text or type(exc).__name__


def _show_warning(message, category, filename, lineno, file=None, line=None):
    """Show a warning as a line of its own, once, without the place in our code."""
    text = f"Note: {message}"
    if text not in _SAID:
        _SAID.add(text)
        print(text, file=sys.stderr)
