"""The code's part in a cell's identity: revisions of computations, raised by hand when their numbers change.

A hash of the source would throw away hours of cells for a comment, and the package's version would keep cells of a
computation that changed between releases. So the one who changes numbers says so here, and a test that compares a few
cells with stored numbers (``tests/evaluation/reference_cells.json``) does not let it be forgotten.
"""

from __future__ import annotations

from typing import Literal

Part = Literal["pretraining", "training", "features", "probe", "attention probe", "floors"]

REVISIONS: dict[Part, int] = {
    "pretraining": 1,
    "training": 1,
    "features": 1,
    "probe": 1,
    "attention probe": 1,
    "floors": 1,
}
"""Computation -> its revision. Not ``signals``: what depends on measurements carries a hash of that room's source."""


def code_version(*parts: Part) -> dict[str, dict[str, int]]:
    """What the settings of a cell say of the code: nothing of first revisions, so that the first cells stay valid.

    Args:
        parts: computations the cell rests on.
    """
    raised: dict[str, int] = {part: REVISIONS[part] for part in parts if REVISIONS[part] > 1}
    return {"revisions": raised} if raised else {}
