"""Pages of docs/ that are written by a program say what the code says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ssrl_ecg.augmentations import AUGMENTATIONS
from ssrl_ecg.augmentations.recipes import RECIPES
from ssrl_ecg.signals.criteria import CRITERIA
from ssrl_ecg.signals.measurement_names import PER_LEAD, RECORD

DOCS = Path(__file__).parents[1] / "docs"


def test_page_of_the_measurements_is_current_and_complete():
    check = [sys.executable, str(DOCS / "make_measurements.py"), "--check"]
    assert subprocess.run(check).returncode == 0, "docs/measurements.md is stale: python docs/make_measurements.py"
    page = (DOCS / "measurements.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in (*RECORD, *CRITERIA))
    assert all(f"`{name}_LEAD`" in page for name in PER_LEAD)


def test_page_of_the_augmentations_is_current_complete_and_light():
    check = [sys.executable, str(DOCS / "make_augmentations.py"), "--check"]
    assert subprocess.run(check).returncode == 0, "docs/augmentations.md is stale: python docs/make_augmentations.py"
    page = (DOCS / "augmentations.md").read_text(encoding="utf-8")
    pictures = sorted((DOCS / "augmentations").iterdir())
    assert [picture.name for picture in pictures] == [f"{name}.png" for name in sorted(AUGMENTATIONS)]
    assert all(f"(augmentations/{picture.name})" in page for picture in pictures)
    assert all(f"`{name}`" in page for name in RECIPES)
    assert sum(picture.stat().st_size for picture in pictures) < 2_500_000
