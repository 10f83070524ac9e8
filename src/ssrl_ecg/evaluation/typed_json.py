"""JSON trees back into the dataclasses they were written from, with every key and type checked on the way."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from ssrl_ecg.errors import InputError

_T = TypeVar("_T")


def read_tree(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: if it is missing or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=path) from error
    except ValueError as error:
        raise InputError(f"is not JSON: {error}", file=path) from error


def decode_file(kind: type[_T], tree: Any, where: str, path: str | Path) -> _T:
    """Build a dataclass as ``decode_dataclass`` does; its error names the file that ``tree`` came from."""
    try:
        return decode_dataclass(kind, tree, where)
    except InputError as error:
        raise InputError(
            error.what, file=path, field=error.field, expected=error.expected, found=error.found
        ) from error


def decode_dataclass(kind: type[_T], tree: Any, where: str) -> _T:
    """Build a dataclass from a mapping of its fields.

    Known field types: bool, int, float (null is NaN), str, Literal, ``X | None``, tuples of fixed or any length,
    dictionaries with str, int, float or Literal keys, nested dataclasses, Any. Fields with a default may be missing.

    Args:
        kind: the dataclass.
        tree: what JSON gave.
        where: dotted place of ``tree`` in the file, for the message.

    Raises:
        InputError: for an unknown or missing key, or a value of another type; the message names the place.
    """
    if not isinstance(tree, dict):
        raise _mismatch(where, f"the fields of {kind.__name__}", tree)
    fields = {field.name: field for field in dataclasses.fields(cast("Any", kind)) if field.init}
    if unknown := sorted(set(tree) - set(fields)):
        raise InputError("unknown key", field=f"{where}.{unknown[0]}", expected=", ".join(fields))
    for name, field in fields.items():
        is_needed = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if is_needed and name not in tree:
            raise InputError("missing key", field=f"{where}.{name}")
    hints = get_type_hints(kind)
    return kind(**{name: _decode(hints[name], value, f"{where}.{name}") for name, value in tree.items()})


def _decode(hint: Any, value: Any, where: str) -> Any:
    if hint is Any:
        return value
    if dataclasses.is_dataclass(hint):
        return decode_dataclass(cast("type[Any]", hint), value, where)
    if get_origin(hint) is None:
        return _decode_scalar(hint, value, where)
    return _decode_compound(hint, value, where)


def _decode_scalar(hint: Any, value: Any, where: str) -> Any:
    if hint is float and value is None:
        return math.nan
    accepted = (int, float) if hint is float else (hint,)
    if not isinstance(value, accepted) or (isinstance(value, bool) and hint is not bool):
        raise _mismatch(where, hint.__name__, value)
    return float(value) if hint is float else value


def _decode_compound(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        if value not in arguments:
            raise _mismatch(where, " | ".join(map(str, arguments)), value)
        return value
    if origin is tuple:
        return _decode_tuple(arguments, value, where)
    if origin is dict:
        if not isinstance(value, dict):
            raise _mismatch(where, "an object", value)
        return {
            _decode_key(arguments[0], key, where): _decode(arguments[1], item, f"{where}.{key}")
            for key, item in value.items()
        }
    if value is None and type(None) in arguments:
        return None
    return _decode(next(argument for argument in arguments if argument is not type(None)), value, where)


def _decode_tuple(arguments: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise _mismatch(where, "a list", value)
    hints = (arguments[0],) * len(value) if arguments[-1] is Ellipsis else arguments
    if len(hints) != len(value):
        raise _mismatch(where, f"{len(hints)} values", value)
    return tuple(
        _decode(hint, item, f"{where}[{place}]") for place, (hint, item) in enumerate(zip(hints, value, strict=True))
    )


def _decode_key(hint: Any, key: str, where: str) -> Any:
    if get_origin(hint) is Literal:
        return _decode_compound(hint, key, where)
    try:
        return hint(key)
    except ValueError:
        raise _mismatch(where, f"{hint.__name__} keys", key) from None


def _mismatch(where: str, expected: str, found: Any) -> InputError:
    shown = repr(found)
    return InputError(
        "wrong value", field=where, expected=expected, found=shown if len(shown) < 80 else f"{shown[:77]}..."
    )
