"""The settings a network is built from, as they travel inside checkpoints and run records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from ssrl_ecg.errors import InputError


@dataclass(frozen=True, kw_only=True)
class ModuleConfig:
    """Base of every encoder's, head's and method's settings: frozen, keyword-only, plain values."""

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as a dictionary that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild the settings that ``to_dict`` wrote; a missing key takes its default.

        Raises:
            InputError: a key is unknown, or a value is out of range.
        """
        known = [field.name for field in fields(cls)]
        for key in values:
            if key not in known:
                raise InputError(f"unknown setting for {cls.__name__}", field=key, expected=f"one of {known}")
        return cls(**values)


def require_whole(name: str, value: int, minimum: int) -> None:
    """Refuse a setting that is not a whole number of at least ``minimum``.

    Raises:
        InputError: names the setting and what was found.
    """
    if not isinstance(value, int) or value < minimum:
        raise InputError("setting out of range", field=name, expected=f"a whole number >= {minimum}", found=value)


def require_between(name: str, value: float, low: float, high: float) -> None:
    """Refuse a setting outside the closed interval [``low``, ``high``], NaN included.

    Raises:
        InputError: names the setting and what was found.
    """
    if not isinstance(value, int | float) or not low <= value <= high:
        raise InputError("setting out of range", field=name, expected=f"a number in [{low}, {high}]", found=value)
