"""ssrl_ecg: ECG representations from unlabelled 12-lead recordings, and what they buy when labels are scarce.

The public names are imported when they are first asked for: ``import ssrl_ecg`` itself loads neither torch nor pandas.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ssrl_ecg.data.store import RecordStore
    from ssrl_ecg.deployment.hub import load
    from ssrl_ecg.errors import InputError
    from ssrl_ecg.signals.preprocessing import Preprocessing
    from ssrl_ecg.training.checkpoint import load_classifier, load_encoder

__version__ = "0.1.0"

__all__ = ["InputError", "Preprocessing", "RecordStore", "__version__", "load", "load_classifier", "load_encoder"]

_HOMES = {
    "InputError": "ssrl_ecg.errors",
    "Preprocessing": "ssrl_ecg.signals.preprocessing",
    "RecordStore": "ssrl_ecg.data.store",
    "load": "ssrl_ecg.deployment.hub",
    "load_classifier": "ssrl_ecg.training.checkpoint",
    "load_encoder": "ssrl_ecg.training.checkpoint",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
