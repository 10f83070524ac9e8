from __future__ import annotations

import errno
import subprocess
import sys
import warnings

import pytest

from ssrl_ecg.cli.exits import run_guarded
from ssrl_ecg.errors import InputError


def _raising(error: BaseException):
    def command() -> int:
        raise error

    return command


def _interruption() -> KeyboardInterrupt:
    stop = KeyboardInterrupt()
    stop.add_note("the same command goes on")
    return stop


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("bad\nthing", field="--x"), 2, "error: bad thing (field --x)"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "a.csv"), 2, "error: a.csv: No such file or d"),
        (PermissionError(errno.EACCES, "Permission denied", "out"), 2, "error: out: Permission denied"),
        (OSError(errno.ENOSPC, "No space left on device"), 2, "error: No space left on device"),
        (OSError("odd"), 2, "error: odd"),
        (_interruption(), 130, "interrupted; the same command goes on"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_what_goes_wrong_becomes_one_line_and_a_code(capsys, error, code, line):
    assert run_guarded(_raising(error)) == code
    err = capsys.readouterr().err
    assert err.startswith(f"ssrl-ecg: {line}")
    assert err.count("\n") == 1


def test_codes_of_commands_and_of_help_pass():
    assert run_guarded(lambda: 3) == 3
    assert run_guarded(_raising(SystemExit(0))) == 0
    assert run_guarded(_raising(SystemExit(None))) == 0
    assert run_guarded(_raising(SystemExit(5))) == 5


def test_our_own_mistakes_keep_their_traceback():
    with pytest.raises(ZeroDivisionError):
        run_guarded(_raising(ZeroDivisionError()))


def test_warnings_become_one_line_each_and_their_display_is_restored(capsys):
    shown_before = warnings.showwarning

    def command() -> int:
        warnings.warn("class HYP\nis empty", stacklevel=1)
        return 0

    assert run_guarded(command) == 0
    assert capsys.readouterr().err == "ssrl-ecg: warning: class HYP is empty\n"
    assert warnings.showwarning is shown_before


def test_a_reader_that_leaves_early_is_no_error():
    code = """
import sys
from ssrl_ecg.cli.exits import run_guarded

def command():
    for _ in range(200_000):
        print("x" * 80)
    return 0

sys.exit(run_guarded(command))
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 0
    process.stderr.close()
