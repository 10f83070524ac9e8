"""Every record has the colour of its own category, and legends count them all."""

from __future__ import annotations

import numpy as np

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.evaluation.figure_style import COLORS
from ssrl_ecg.evaluation.map_colours import GREY, fold_colouring, label_colourings, patient_colouring


def categories_of(colouring):
    return [colouring.categories[place][0] for place in colouring.of]


def test_several_classes_none_and_no_label_are_told_apart():
    values = np.array([[1, 0], [0, 1], [1, 1], [0, 0], [0, 0], [0, 1]], dtype=np.uint8)
    labels = Labels("super", ("MI", "CD"), values, np.array([1, 1, 1, 1, 0, 1], dtype=bool), "multilabel")
    whole, mi, cd = label_colourings(labels)
    assert categories_of(whole) == ["MI", "CD", "several classes", "none of the classes", "no label", "CD"]
    assert whole.words == ("MI", "CD", "MI, CD", "none of the classes", "no label", "CD")
    assert {name: colour for name, colour in whole.categories if colour == GREY}.keys() == {
        "several classes",
        "none of the classes",
        "no label",
    }
    assert categories_of(mi) == ["MI", "not MI", "MI", "not MI", "no label", "not MI"]
    assert cd.name == "super: CD"


def test_more_classes_than_colours_leave_the_rarest_grey():
    n_classes = len(COLORS) + 2
    values = np.repeat(np.eye(n_classes, dtype=np.uint8), range(n_classes, 0, -1), axis=0)
    names = tuple(f"c{number}" for number in range(n_classes))
    (whole,) = label_colourings(Labels("rhythm", names, values, np.ones(len(values), dtype=bool), "single"))
    assert [name for name, _ in whole.categories] == [*names[: len(COLORS)], "others"]
    assert [colour for _, colour in whole.categories] == [*COLORS, GREY]
    assert categories_of(whole).count("others") == 2 + 1


def test_folds_have_a_scale_and_what_is_in_none_is_grey():
    folds = fold_colouring([3, 1, -1, 1])
    assert categories_of(folds) == ["fold 3", "fold 1", "no fold", "fold 1"]
    colours = dict(folds.categories)
    assert colours["no fold"] == GREY
    assert colours["fold 1"] != colours["fold 3"]


def test_patients_with_several_records_stand_out():
    patients = patient_colouring(["a", "b", "a", "c", "b"])
    assert categories_of(patients) == [
        *["patients with several records"] * 3,
        "patients with one record",
        "patients with several records",
    ]
    assert patients.of[0] == patients.of[2] != patients.of[1] == patients.of[4]
    assert patients.words[0] == "a (2 records)"
    assert patients.words[3] == "c"
