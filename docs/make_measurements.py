"""Write docs/measurements.md: every measurement and criterion, from the tables in the code.

Run ``python docs/make_measurements.py`` after changing one; ``--check`` only says whether the file is current.
"""

from __future__ import annotations

import sys
from pathlib import Path

from generated import table, write_or_check

from ssrl_ecg.signals.criteria import CRITERIA, SUPERCLASSES
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.signals.measurement_names import MEASUREMENTS, PER_LEAD, RECORD
from ssrl_ecg.signals.measurements import FLAGS

TARGET = Path(__file__).with_name("measurements.md")


def leads_of(positions: tuple[int, ...]) -> str:
    """Return the leads in words."""
    return "all" if len(positions) == len(LEADS) else ", ".join(LEADS[position] for position in positions)


def document() -> str:
    """Return the whole page."""
    n_lead_values = len(MEASUREMENTS) - len(RECORD)
    lines = [
        "# Measurements and criteria",
        "",
        "Written by `python docs/make_measurements.py` from the tables in the code; do not edit by hand.",
        "",
        f"`ssrl-ecg measure` and `ssrl_ecg.signals.measurements.measure` give {len(MEASUREMENTS)} numbers of a 12-lead",
        f"recording: {len(RECORD)} of the whole recording and {n_lead_values} of single leads, whose names end in the",
        "lead (`r_mv_V5`). Intervals are medians over normal beats; amplitudes are read from the median of the normal",
        "beats, above the level just before the QRS complex. What cannot be measured is missing and has a reason.",
        "Depths and heights of QRS waves are positive numbers. Not a medical device.",
        "",
        "## Of the recording",
        "",
        *table(
            ("name", "unit", "what", "source"),
            ((f"`{name}`", one.unit, one.description, one.source) for name, one in RECORD.items()),
        ),
        "",
        "## Of single leads",
        "",
        *table(
            ("name", "unit", "leads", "what", "source"),
            (
                (f"`{name}_LEAD`", one.unit, leads_of(one.leads), one.description, one.source)
                for name, one in PER_LEAD.items()
            ),
        ),
        "",
        "## Quality flags",
        "",
        *table(("flag", "meaning"), ((f"`{name}`", meaning) for name, meaning in FLAGS.items())),
        "",
        "## Criteria",
        "",
        f"`ssrl_ecg.signals.criteria.superclass_scores` scores {', '.join(SUPERCLASSES)} without a label: weak",
        "knowledge for ranking, neither probabilities nor a diagnosis. Each criterion is graded between 0 and 1,",
        "1/2 at its limit, and counts its points; a class's score is 1 - exp(-points), that of NORM is exp(-points of",
        "all classes).",
        "",
        *table(
            ("criterion", "class", "points", "limit", "source"),
            (
                (f"`{name}`", one.superclass, f"{one.points:g}", one.description, one.source)
                for name, one in CRITERIA.items()
            ),
        ),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(write_or_check(sys.argv[1:], TARGET, document))
