"""Floors that learn no representation: a method that does not clear them has shown nothing.

They stand beside every row of every comparison. What they know of a recording are a physician's measurements and
textbook criteria (``ssrl_ecg.signals``), or random convolutions (MiniRocket); what they learn from are the labelled
records of a cell and nothing else: validation rows are scored, never used. Medians and scales of features come from
the signals of all training records, labelled or not. ``FLOORS`` has them all, in the order of the report.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.cells import identity_of
from ssrl_ecg.evaluation.floors.arm import Floor, FloorArm
from ssrl_ecg.evaluation.floors.minirocket import N_KERNELS, check_minirocket
from ssrl_ecg.evaluation.floors.workshop import CONSTANTS, Workshop
from ssrl_ecg.evaluation.kept_beside import signals_version
from ssrl_ecg.evaluation.label_fractions import ArmPlan
from ssrl_ecg.evaluation.revisions import code_version
from ssrl_ecg.signals.criteria import SUPERCLASSES
from ssrl_ecg.signals.preprocessing import Preprocessing


@dataclass(frozen=True)
class FloorKind:
    """One floor as the tables list it.

    Attributes:
        title: row name.
        build: which one of the workshop it is.
        minirocket: whether it needs MiniRocket's package.
        superclasses: whether it can only speak of the five diagnostic superclasses.
        needs_labels: False where nothing is learned.
        gives_probabilities: whether its scores estimate probabilities.
        compared: whether methods are tested against it; of floors alike, the strongest stands for all.
        default: whether it is there unless floors are named.
        knowledge: whether it knows what a physician reads off.
    """

    title: str
    build: Callable[[Workshop], Floor]
    minirocket: bool = False
    superclasses: bool = False
    needs_labels: bool = True
    gives_probabilities: bool = False
    compared: bool = False
    default: bool = True
    knowledge: bool = True


FLOORS: dict[str, FloorKind] = {
    "criteria": FloorKind(
        "criteria, no label", lambda shop: shop.criteria, superclasses=True, needs_labels=False, compared=True
    ),
    "forest": FloorKind("measurements + forest", lambda shop: shop.forest, gives_probabilities=True),
    "boosting": FloorKind("measurements + boosting", lambda shop: shop.boosting, gives_probabilities=True),
    "logistic": FloorKind("measurements + logistic regression", lambda shop: shop.logistic, gives_probabilities=True),
    "forest-age-sex": FloorKind(
        "measurements, age, sex + forest", lambda shop: shop.forest_age_sex, gives_probabilities=True, default=False
    ),
    "prior-forest": FloorKind(
        "criteria prior + forest", lambda shop: shop.prior_forest, superclasses=True, compared=True
    ),
    "minirocket": FloorKind(
        "MiniRocket + ridge", lambda shop: shop.minirocket, minirocket=True, compared=True, knowledge=False
    ),
    "ensemble": FloorKind("ensemble of floors", lambda shop: shop.ensemble, minirocket=True, compared=True),
}
"""Every floor by the name that asks for it."""

DEFAULT_FLOORS = tuple(name for name, kind in FLOORS.items() if kind.default)


def check_floors(names: Sequence[str], labels: Labels | None = None) -> None:
    """Refuse, before anything is computed, floors that cannot be built.

    Args:
        names: floors asked for.
        labels: the label set, if it is known already.

    Raises:
        InputError: an unknown floor, a missing package, or a floor that says nothing of this label set.
    """
    for name in names:
        if name not in FLOORS:
            raise InputError("unknown floor", field="floors", expected=", ".join(FLOORS), found=name)
        if labels is not None and not _speaks_of(FLOORS[name], labels):
            raise InputError(
                f"floor {name} speaks of the diagnostic superclasses only", field="floors",
                expected=", ".join(SUPERCLASSES), found=f"label set {labels.name}",
            )  # fmt: skip
    if any(FLOORS[name].minirocket for name in names):
        check_minirocket()


def _speaks_of(kind: FloorKind, labels: Labels) -> bool:
    return not kind.superclasses or set(labels.classes) == set(SUPERCLASSES)


def default_floors(labels: Labels) -> tuple[str, ...]:
    """Default floors that fit a label set."""
    return tuple(name for name in DEFAULT_FLOORS if _speaks_of(FLOORS[name], labels))


def floors_left_out(labels: Labels, names: Sequence[str] | None = None) -> tuple[str, ...]:
    """Plain sentences for a report: the default floors a label set does without, and why; none if floors are named."""
    if names is not None:
        return ()
    titles = [FLOORS[name].title for name in DEFAULT_FLOORS if not _speaks_of(FLOORS[name], labels)]
    if not titles:
        return ()
    listed = " and ".join(f'"{title}"' for title in titles)
    return (f"Without the floors {listed}: the criteria speak of {', '.join(SUPERCLASSES)} only.",)


def floor_plans(
    store: RecordStore,
    labels: Labels,
    training_rows: NDArray[np.int64],
    preprocessing: Preprocessing,
    names: Sequence[str] | None = None,
) -> list[ArmPlan]:
    """Plans of the floors in the order of ``FLOORS``; nothing is computed until one of their cells is missing.

    Args:
        store: the records.
        labels: the label set.
        training_rows: training records, labelled or not; features are fitted to their signals.
        preprocessing: what MiniRocket is fed; the measurements take the signals as they are.
        names: which floors; None takes the default ones that fit the label set.

    Raises:
        InputError: see ``check_floors``.
    """
    wanted = default_floors(labels) if names is None else tuple(names)
    check_floors(wanted, labels)
    shop = Workshop(store, labels, training_rows, preprocessing)
    settings: dict[str, Any] = {
        "data": store.facts.fingerprint,
        "records": identity_of(store.records["record_id"].to_numpy()[training_rows]),
        "measurements": signals_version(),
        "constants": CONSTANTS,
    } | code_version("floors")
    rocket = {"preprocessing": preprocessing.to_dict(), "kernels": N_KERNELS}

    def plan(kind: FloorKind) -> ArmPlan:
        return ArmPlan(
            kind.title,
            "floor",
            settings | (rocket if kind.minirocket else {}),
            lambda: FloorArm(kind.title, kind.build(shop), kind.gives_probabilities),
            gives_logits=kind.gives_probabilities,
            needs_labels=kind.needs_labels,
            compared=kind.compared,
            knowledge=kind.knowledge,
        )

    return [plan(kind) for name, kind in FLOORS.items() if name in wanted]
