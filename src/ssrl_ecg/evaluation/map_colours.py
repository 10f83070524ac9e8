"""What the records of a map are coloured by: labels, folds, patients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.colors import to_hex

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.evaluation.figure_style import COLORS, FLOOR_COLORS

GREY = FLOOR_COLORS[1]
NO_LABEL, NO_CLASS, SEVERAL = "no label", "none of the classes", "several classes"
_OTHERS = "others"
_LARGEST_OF_SCALE = 0.92  # viridis ends in a yellow that white paper swallows


@dataclass(frozen=True)
class Colouring:
    """One way to colour the records.

    Attributes:
        name: of the choice, such as "fold".
        categories: (name, colour) of each legend entry.
        of: the category of each record, as its place among ``categories``.
        words: what is said of each record, such as "MI, STTC".
    """

    name: str
    categories: tuple[tuple[str, str], ...]
    of: tuple[int, ...]
    words: tuple[str, ...]


def label_colourings(labels: Labels) -> list[Colouring]:
    """Colour by the classes: one choice for all of them, and one per class when a record may have several.

    The largest classes have a colour of their own; records of several classes and those without a label are grey.
    """
    named = [
        ", ".join(name for name, value in zip(labels.classes, row, strict=True) if value) if known else NO_LABEL
        for row, known in zip(labels.values, labels.known, strict=True)
    ]
    words = tuple(name or NO_CLASS for name in named)
    of_one = [SEVERAL if ", " in word else word for word in words]
    whole = _by_size(labels.name, of_one, words, grey=(SEVERAL, NO_CLASS, NO_LABEL))
    if labels.task != "multilabel":
        return [whole]
    return [whole, *(_one_class(labels, place) for place in range(len(labels.classes)))]


def fold_colouring(folds: Sequence[int]) -> Colouring:
    """Colour by fold, on a scale from dark to light; a fold below 1 is in no part, and grey."""
    kinds = sorted(set(folds))
    proper = [fold for fold in kinds if fold >= 1]
    scale = mpl.colormaps["viridis"]
    shades = {
        fold: to_hex(scale(_LARGEST_OF_SCALE * place / max(len(proper) - 1, 1))) for place, fold in enumerate(proper)
    }
    categories = tuple((f"fold {fold}" if fold in shades else "no fold", shades.get(fold, GREY)) for fold in kinds)
    place = {fold: number for number, fold in enumerate(kinds)}
    return Colouring("fold", categories, tuple(place[fold] for fold in folds), tuple(map(str, folds)))


def patient_colouring(patients: Sequence[str]) -> Colouring:
    """Colour patients with several records, in colours that come again; those with one record are grey."""
    counts = Counter(patients)
    repeated = {patient: number for number, patient in enumerate(name for name, n in counts.items() if n > 1)}
    several = tuple(("patients with several records", colour) for colour in COLORS)
    categories = (*several, ("patients with one record", GREY))
    of = tuple(repeated[name] % len(COLORS) if name in repeated else len(COLORS) for name in patients)
    words = tuple(f"{name} ({counts[name]} records)" if counts[name] > 1 else name for name in patients)
    return Colouring("patient", categories, of, words)


def _one_class(labels: Labels, place: int) -> Colouring:
    name, values = labels.classes[place], labels.values[:, place]
    words = [
        (name if value else f"not {name}") if known else NO_LABEL
        for value, known in zip(values, labels.known, strict=True)
    ]
    return _by_size(f"{labels.name}: {name}", words, tuple(words), grey=(f"not {name}", NO_LABEL))


def _by_size(name: str, kinds: Sequence[str], words: tuple[str, ...], grey: Sequence[str]) -> Colouring:
    """Give the most frequent kinds a colour, in one order; what is named in ``grey`` and all others are grey."""
    counts = Counter(kinds)
    largest = sorted((kind for kind in counts if kind not in grey), key=lambda kind: (-counts[kind], kind))
    coloured = largest[: len(COLORS)]
    shown = {kind: kind if kind in coloured or kind in grey else _OTHERS for kind in counts}
    names = [*coloured, *([_OTHERS] if _OTHERS in shown.values() else []), *(kind for kind in grey if kind in counts)]
    colours = [*COLORS[: len(coloured)], *[GREY] * (len(names) - len(coloured))]
    categories = tuple(zip(names, colours, strict=True))
    return Colouring(name, categories, tuple(names.index(shown[kind]) for kind in kinds), words)
