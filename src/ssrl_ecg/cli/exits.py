"""How a command ends: its exit code, and one readable line instead of a traceback.

0 done; 2 something given cannot be used, or a file or disk refused; 3 done, but records were left out or cells failed;
130 interrupted with Ctrl-C.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from typing import TextIO

from ssrl_ecg.errors import InputError

DONE, REFUSED, INCOMPLETE, INTERRUPTED = 0, 2, 3, 130


def run_guarded(command: Callable[[], int]) -> int:
    """Run a command and turn what it raises into one line on stderr and an exit code.

    Warnings become one line each. An interruption's notes (``BaseException.add_note``) say how to go on. Anything that
    is nobody's mistake but ours keeps its traceback.
    """
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            return command()
        except InputError as error:
            return _refuse(str(error))
        except BrokenPipeError:  # the reader of our output, such as head, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return DONE
        except OSError as error:
            return _refuse(_describe(error))
        except KeyboardInterrupt as stop:
            _say("; ".join(["interrupted", *getattr(stop, "__notes__", [])]))
            return INTERRUPTED
        except SystemExit as leaving:  # the parser leaves so after --help
            return leaving.code if isinstance(leaving.code, int) else DONE


def _refuse(reason: str) -> int:
    _say(f"error: {reason}")
    return REFUSED


def _describe(error: OSError) -> str:
    reason = error.strerror or str(error) or type(error).__name__
    return f"{error.filename}: {reason}" if error.filename else reason


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    _say(f"warning: {message}")


def _say(text: str) -> None:
    print("ssrl-ecg:", " ".join(text.split()), file=sys.stderr, flush=True)
