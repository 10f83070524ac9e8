"""The classifier that comes with the package: small, trained on open recordings, for research use only.

``classifier.safetensors`` and ``weights.json``, which has its SHA-256 and what was measured, are written by
``weights/train_packaged.py`` of the repository, and so is the model card beside them.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ssrl_ecg.errors import InputError

FOLDER = Path(__file__).parent
CLASSIFIER = "classifier.safetensors"
FACTS = "weights.json"
CARD = "README.md"
MAX_BYTES = 5_000_000
"""The packaged file is no larger than this."""


def packaged_classifier(folder: Path = FOLDER) -> Path:
    """Return the packaged classifier's checkpoint, after a look at its hash.

    Args:
        folder: where it lies.

    Raises:
        InputError: this installation has none, or it is not the file that was published.
    """
    path = folder / CLASSIFIER
    if not path.is_file():
        raise InputError("no classifier comes with this installation: give --checkpoint", file=path)
    found, expected = file_hash(path), weights_facts(folder)["sha256"]
    if found != expected:
        raise InputError("the packaged classifier was changed", file=path, expected=expected, found=found)
    return path


def weights_facts(folder: Path = FOLDER) -> dict[str, Any]:
    """Return what is known of the packaged classifier: hash, protocol, results.

    Raises:
        InputError: the file that says it is missing or damaged.
    """
    path = folder / FACTS
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("facts about the packaged classifier are missing or damaged", file=path) from error
    if not isinstance(facts, dict) or not isinstance(facts.get("sha256"), str):
        raise InputError("facts about the packaged classifier lack its hash", file=path, field="sha256")
    return facts


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
