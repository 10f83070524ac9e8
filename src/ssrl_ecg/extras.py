"""Packages that only some commands need: imported when they are needed, and named with their extra when missing."""

from __future__ import annotations

import importlib
from typing import Any

from ssrl_ecg.errors import InputError


def extra_package(module: str, extra: str, what: str) -> Any:
    """Import a module of a package that belongs to an extra.

    Args:
        module: for example "onnxruntime".
        extra: the extra of this package that brings it, for example "onnx".
        what: who needs it, the sentence's subject in the plural.

    Raises:
        InputError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        package = module.split(".")[0]
        raise InputError(f"{what} need: pip install 'ssrl-ecg[{extra}]'", found=f"no {package}") from None
