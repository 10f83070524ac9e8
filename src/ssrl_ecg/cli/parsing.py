"""Words to objects: frozen dataclasses become flags, and what the parser refuses becomes one line."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr
from typing import Any, TypeVar, cast

import tyro

from ssrl_ecg.errors import InputError

T = TypeVar("T")

REQUIRED: Any = tyro.MISSING
"""Stands in ``parse``'s defaults for a field that words must give."""

_BORDER = "│|"
_RULE = re.compile(r"[─-]{4,}")
_HELP_INDENT = " " * 8


def parse(options: Callable[..., T], argv: list[str], command: str, default: Any = tyro.MISSING_NONPROP) -> T:
    """Build a dataclass of options from words; nested dataclasses give their flags without a prefix.

    Args:
        options: the dataclass; its docstring and its fields' docstrings are the help.
        argv: the words after the command.
        command: the whole command, as usage lines show it.
        default: values where the words say nothing, in place of the dataclass's own.

    Raises:
        InputError: unknown flag, missing flag, wrong type, a value that is not among the choices, or one out of range.
        SystemExit: after ``--help`` was printed.
    """
    box = io.StringIO()
    try:
        with redirect_stderr(box):
            given: T = tyro.cli(
                cast("type[T]", options),
                args=argv,
                prog=command,
                default=default,
                config=(tyro.conf.OmitArgPrefixes, tyro.conf.DisallowNone),
            )
            return given
    except SystemExit as leaving:
        if not leaving.code:
            raise
        raise InputError(f"{one_line(box.getvalue())} (see {command} --help)") from None


def one_line(box: str) -> str:
    """Flatten the parser's framed message: what is wrong and what was expected, without frame and help texts."""
    rows = [line.strip(_BORDER).removeprefix(" ").rstrip() for line in box.splitlines()[1:-1]]
    sections: list[list[str]] = [[]]
    for row in rows:
        if _RULE.fullmatch(row.strip()):
            sections.append([])
        elif not row.startswith(_HELP_INDENT):
            sections[-1].append(row.strip())
    texts = [" ".join(section) for section in sections]
    kept = [text.rstrip(".") for text in texts if not text.startswith(("For full helptext", "Argument helptext"))]
    return " ".join("; ".join(kept).split()) or " ".join(box.split())


def one_of(names: Iterable[str]) -> tyro.constructors.PrimitiveConstructorSpec[str]:
    """Return the annotation of a text field that must be one of these names.

    Use it as ``Annotated[str, one_of(TABLE)]``.
    """
    choices = tuple(names)
    return tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar="{" + ",".join(choices) + "}",
        instance_from_str=lambda words: words[0],
        is_instance=lambda value: isinstance(value, str),
        str_from_instance=lambda value: [value],
        choices=choices,
    )
