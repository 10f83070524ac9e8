from __future__ import annotations

import numpy as np
import pytest

from ssrl_ecg.data.morphology import DISEASES, P, Q, R, S, draw_hearts, draw_labels
from ssrl_ecg.data.ptbxl import DIAGNOSTIC_CLASSES

PREVALENCE = {"NORM": 0.44, "MI": 0.25, "STTC": 0.24, "CD": 0.22, "HYP": 0.12}
NORM, MI, STTC, CD, HYP = range(5)


def hearts_with(code: str, n: int = 400, severity: tuple[float, float] = (0.8, 0.8)):
    """Hearts of one superclass, and which of them have the code."""
    labels = np.zeros((n, 5), dtype=np.uint8)
    disease = next(disease for disease in DISEASES if disease.code == code)
    labels[:, DIAGNOSTIC_CLASSES.index(disease.superclass)] = 1
    hearts = draw_hearts(labels, np.random.default_rng(0), severity=severity)
    return hearts, hearts.codes[:, DISEASES.index(disease)]


def test_prevalences_are_those_of_ptbxl_within_a_binomial_band():
    n = 20_000
    labels = draw_labels(n, np.random.default_rng(1))
    for column, (name, share) in enumerate(PREVALENCE.items()):
        assert DIAGNOSTIC_CLASSES[column] == name
        assert abs(labels[:, column].mean() - share) < 4.5 * np.sqrt(share * (1 - share) / n)


def test_combinations_are_realistic():
    labels = draw_labels(20_000, np.random.default_rng(2)).astype(bool)
    normal, mi, sttc, cd, hyp = labels.T
    assert 0 < (normal & labels[:, 1:].any(axis=1)).mean() < 0.03
    assert not (normal & (mi | hyp)).any()
    assert cd[mi].mean() > 1.5 * cd[~mi].mean() > 0
    assert sttc[hyp].mean() > 1.8 * sttc[~hyp].mean() > 0


def test_codes_say_exactly_what_the_labels_say():
    labels = draw_labels(3000, np.random.default_rng(3))
    hearts = draw_hearts(labels, np.random.default_rng(4))
    for column, superclass in enumerate(DIAGNOSTIC_CLASSES):
        own = [disease.superclass == superclass for disease in DISEASES]
        np.testing.assert_array_equal(hearts.codes[:, own].sum(axis=1), labels[:, column])
    beside_norm = hearts.codes[labels[:, NORM] == 1].any(axis=0)
    assert all(disease.benign for disease, found in zip(DISEASES, beside_norm, strict=True) if found)


def test_every_disease_occurs_about_as_often_as_its_share_says():
    labels = np.ones((5000, 5), dtype=np.uint8)
    labels[:, NORM] = 0
    share = draw_hearts(labels, np.random.default_rng(5)).codes.mean(axis=0)
    for disease, found in zip(DISEASES[1:], share[1:], strict=True):
        assert found == pytest.approx(disease.share, abs=4.5 * np.sqrt(0.25 / 5000)), disease.code


@pytest.mark.parametrize("superclass", DIAGNOSTIC_CLASSES)
def test_shares_within_a_superclass_add_up(superclass: str):
    assert sum(disease.share for disease in DISEASES if disease.superclass == superclass) == pytest.approx(1)


def test_hearts_without_a_superclass_fibrillate_and_normal_ones_hardly():
    nothing = draw_hearts(np.zeros((200, 5), dtype=np.uint8), np.random.default_rng(6))
    normal = np.tile(np.array([1, 0, 0, 0, 0], dtype=np.uint8), (2000, 1))
    assert nothing.fibrillates.all()
    assert draw_hearts(normal, np.random.default_rng(6)).fibrillates.mean() < 0.03


def test_diseases_change_the_intervals_they_are_known_for():
    for code, interval, least_s in (
        ("CLBBB", "qrs_s", 0.03),
        ("CRBBB", "qrs_s", 0.03),
        ("IVCD", "qrs_s", 0.02),
        ("1AVB", "pr_s", 0.08),
        ("LNGQT", "qtc_s", 0.05),
        ("LAO/LAE", "p_s", 0.02),
    ):
        hearts, has = hearts_with(code)
        assert has.sum() > 5
        value_s = getattr(hearts, interval)
        normal, _ = hearts_with("NORM")
        assert value_s[has].mean() > getattr(normal, interval).mean() + least_s, code


def test_diseases_turn_the_vectors_they_are_known_for():
    normal = hearts_with("NORM")[0].dipole_mv.mean(axis=0)
    hypertrophy, has = hearts_with("LVH")
    assert hypertrophy.dipole_mv[has, R, 0].mean() > 1.5 * normal[R, 0]
    right, has = hearts_with("RVH")
    assert right.dipole_mv[has, S, 0].mean() < normal[S, 0] - 0.5
    anterior, has = hearts_with("LAFB")
    assert anterior.dipole_mv[has, R, 1].mean() < 0.1 < normal[R, 1]
    inferior, has = hearts_with("IMI")
    assert inferior.dipole_mv[has, Q, 1].mean() < normal[Q, 1] - 0.2
    septal, has = hearts_with("ASMI")
    assert septal.dipole_mv[has, Q, 2].mean() > normal[Q, 2] + 0.2
    atrium, has = hearts_with("LAO/LAE")
    assert atrium.dipole_mv[has, P, 2].mean() > normal[P, 2] + 0.05


def test_no_severity_is_almost_no_disease():
    mild, has = hearts_with("IMI", severity=(0, 0))
    normal, _ = hearts_with("NORM")
    np.testing.assert_allclose(mild.dipole_mv[has].mean(axis=0), normal.dipole_mv.mean(axis=0), atol=0.06)


def test_the_generator_decides():
    labels = draw_labels(20, np.random.default_rng(0))
    first, again, other = (draw_hearts(labels, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.dipole_mv, again.dipole_mv)
    assert not np.array_equal(first.dipole_mv, other.dipole_mv)
