from __future__ import annotations

import numpy as np
import pytest

from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import INDEPENDENT_LEADS, LEADS, einthoven_error_mv
from ssrl_ecg.signals.vcg import DOWER, INVERSE_DOWER, dipole_part, leads_to_vcg, vcg_to_leads


@pytest.fixture
def vcg_mv() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(4, 3, 60))


def test_the_printed_inverse_is_the_pseudo_inverse_to_three_decimals() -> None:
    np.testing.assert_allclose(INVERSE_DOWER, np.linalg.pinv(DOWER), atol=5.0001e-4)


def test_a_dipole_s_leads_sum_lead_by_lead_and_obey_einthoven(vcg_mv: np.ndarray) -> None:
    leads_mv = vcg_to_leads(vcg_mv)
    assert leads_mv.shape == (4, 12, 60)
    for k, lead in enumerate(INDEPENDENT_LEADS):
        by_hand = sum(DOWER[k, axis] * vcg_mv[:, axis] for axis in range(3))
        np.testing.assert_allclose(leads_mv[:, LEADS.index(lead)], by_hand, atol=1e-14)
    assert einthoven_error_mv(leads_mv).max() < 1e-14


def test_axes_point_where_frank_s_do() -> None:
    x, y, z = (vcg_to_leads(axis[:, None])[:, 0] for axis in np.eye(3))
    assert x[LEADS.index("I")] > 0.5  # to the left arm
    assert y[LEADS.index("aVF")] > 0.5  # to the feet
    assert z[LEADS.index("V2")] < -0.5  # away from the chest


def test_leads_give_the_dipole_back_to_within_the_printed_digits(vcg_mv: np.ndarray) -> None:
    np.testing.assert_allclose(leads_to_vcg(vcg_to_leads(vcg_mv)), vcg_mv, atol=0.01)


def test_dipole_part_is_an_orthogonal_projection_of_rank_three(vcg_mv: np.ndarray) -> None:
    dipole = vcg_to_leads(vcg_mv)
    np.testing.assert_allclose(dipole_part(dipole), dipole, atol=1e-12)
    other = np.random.default_rng(1).normal(size=(12, 200))
    part = dipole_part(other)
    np.testing.assert_allclose(dipole_part(part), part, atol=1e-12)
    assert np.linalg.matrix_rank(part) == 3
    eight = [LEADS.index(lead) for lead in INDEPENDENT_LEADS]
    fit = DOWER @ np.linalg.lstsq(DOWER, other[eight], rcond=None)[0]
    np.testing.assert_allclose(part[eight], fit, atol=1e-12)


def test_single_precision_is_kept(vcg_mv: np.ndarray) -> None:
    leads_mv = vcg_to_leads(vcg_mv.astype(np.float32))
    assert leads_mv.dtype == np.float32
    assert leads_to_vcg(leads_mv).dtype == np.float32
    assert dipole_part(leads_mv).dtype == np.float32


def test_wrong_axes_are_refused() -> None:
    for function, wrong in (
        (leads_to_vcg, (8, 10)),
        (dipole_part, (3, 10)),
        (vcg_to_leads, (12, 10)),
        (vcg_to_leads, (3,)),
    ):
        with pytest.raises(InputError, match="wrong number of leads"):
            function(np.zeros(wrong))
