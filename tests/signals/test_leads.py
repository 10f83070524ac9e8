from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import (
    INDEPENDENT_LEADS,
    LEADS,
    canonical_lead_name,
    einthoven_error_mv,
    lead_order,
    lead_positions,
    limb_leads_from_i_ii,
    select_leads,
)


@pytest.fixture
def signal_mv() -> np.ndarray:
    """(3, 12, 50) with exact limb-lead laws, written lead by lead."""
    eight = np.random.default_rng(0).normal(size=(3, 8, 50))
    i, ii = eight[:, 0], eight[:, 1]
    limb = [i, ii, ii - i, -(i + ii) / 2, (i - (ii - i)) / 2, (ii + (ii - i)) / 2]
    return np.stack([*limb, *(eight[:, k] for k in range(2, 8))], axis=1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *((lead, lead) for lead in LEADS),
        *((lead.upper(), lead) for lead in LEADS),
        *((lead.lower(), lead) for lead in LEADS),
        *((f"MDC_ECG_LEAD_{lead.upper()}", lead) for lead in LEADS),
        ("Lead I", "I"),
        ("lead_i", "I"),
        ("LEAD-AVF", "aVF"),
        ("ECG Lead II", "II"),
        ("ecg_lead_v3", "V3"),
        (" V 1 ", "V1"),
        ("aV_L", "aVL"),
    ],
)
def test_every_spelling_becomes_canonical(name: str, expected: str) -> None:
    assert canonical_lead_name(name) == expected


@pytest.mark.parametrize("name", ["", "lead", "-aVR", "MLII", "V7", "V0", "V11", "IIII", "Vx", "C1", "I/II", "1"])
def test_other_names_are_refused_by_name(name: str) -> None:
    with pytest.raises(InputError, match="unknown lead") as error:
        canonical_lead_name(name)
    assert repr(name) in str(error.value)


def test_lead_order_undoes_any_permutation_and_spelling() -> None:
    rng = np.random.default_rng(1)
    canonical = np.arange(12.0)[:, None] * np.ones(5)
    for spell in (str, str.upper, str.lower, lambda lead: f"Lead {lead}"):
        order = rng.permutation(12)
        names = [spell(LEADS[k]) for k in order]
        np.testing.assert_array_equal(canonical[order][list(lead_order(names))], canonical)


def test_lead_order_of_the_alphabet() -> None:
    names = sorted(LEADS, key=str.lower)
    assert names[:4] == ["aVF", "aVL", "aVR", "I"]
    assert [names[k] for k in lead_order(names)] == list(LEADS)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([*LEADS[:11], "v5"], "more than once: V5"),
        (["aVR", "AVR", "lead v1", *LEADS], "more than once: aVR, V1"),
        (LEADS[1:11], "missing lead: I, V6"),
        ([*LEADS, "V7"], "unknown lead 'V7'"),
        ([], "missing lead: I, II"),
    ],
)
def test_lead_order_names_what_is_wrong(names: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        lead_order(names)
    assert "\n" not in str(error.value)


def test_lead_positions_of_a_subset() -> None:
    assert lead_positions(["v2", "LEAD I"]) == {"V2": 0, "I": 1}


def test_limb_leads_from_i_ii(signal_mv: np.ndarray) -> None:
    np.testing.assert_allclose(limb_leads_from_i_ii(signal_mv[:, 0], signal_mv[:, 1]), signal_mv[:, :6], atol=1e-14)


def test_limb_leads_keep_single_precision_and_accept_integers() -> None:
    assert limb_leads_from_i_ii(np.ones(4, np.float32), np.ones(4, np.float32)).dtype == np.float32
    np.testing.assert_array_equal(limb_leads_from_i_ii([3], [5])[:, 0], [3, 5, 2, -4, 0.5, 3.5])


def test_einthoven_error_is_zero_for_lawful_leads(signal_mv: np.ndarray) -> None:
    assert einthoven_error_mv(signal_mv).shape == (3,)
    assert einthoven_error_mv(signal_mv).max() < 1e-14
    assert einthoven_error_mv(signal_mv[0]) < 1e-14


@pytest.mark.parametrize("lead", ["III", "aVR", "aVL", "aVF"])
def test_einthoven_error_finds_each_broken_lead(signal_mv: np.ndarray, lead: str) -> None:
    signal_mv[1, LEADS.index(lead), 7] -= 0.3
    np.testing.assert_allclose(einthoven_error_mv(signal_mv), [0, 0.3, 0], atol=1e-14)


def test_einthoven_error_sees_swapped_limb_leads_but_not_the_chest(signal_mv: np.ndarray) -> None:
    chest = signal_mv.copy()
    chest[:, 6:] = chest[:, 6:][:, ::-1]
    assert einthoven_error_mv(chest).max() < 1e-14
    assert einthoven_error_mv(signal_mv[:, [1, 0, *range(2, 12)]]).min() > 0.5


def test_einthoven_error_of_nan_and_of_a_wrong_shape(signal_mv: np.ndarray) -> None:
    signal_mv[2, 1, 0] = np.nan
    np.testing.assert_array_equal(np.isnan(einthoven_error_mv(signal_mv)), [False, False, True])
    for wrong in (np.zeros((8, 10)), np.zeros(12), np.zeros((12, 0))):
        with pytest.raises(InputError, match="twelve leads"):
            einthoven_error_mv(wrong)


def test_select_leads_derives_limb_leads(signal_mv: np.ndarray) -> None:
    eight = signal_mv[:, [LEADS.index(lead) for lead in INDEPENDENT_LEADS]]
    names = [lead.lower() for lead in INDEPENDENT_LEADS]
    np.testing.assert_allclose(select_leads(eight, names, LEADS), signal_mv, atol=1e-14)
    np.testing.assert_allclose(select_leads(eight, names, ("aVF", "V3")), signal_mv[:, [5, 8]], atol=1e-14)


def test_select_leads_prefers_what_was_recorded_and_ignores_the_rest(signal_mv: np.ndarray) -> None:
    signal_mv[:, 2] += 1.0
    signal_mv[:, 11] = np.nan
    np.testing.assert_array_equal(select_leads(signal_mv, LEADS, ("V1", "III")), signal_mv[:, [6, 2]])


def test_select_leads_names_what_cannot_be_derived() -> None:
    with pytest.raises(InputError, match="missing lead: aVL, V2"):
        select_leads(np.zeros((2, 5)), ["II", "V1"], ("II", "aVL", "V2"))


@pytest.mark.real_data
def test_ptbxl_obeys_einthoven_to_within_its_rounding(ptbxl_root: Path) -> None:
    headers = sorted((ptbxl_root / "records100").rglob("*.hea"))[::500]
    assert headers
    for header in headers:
        record = wfdb.rdrecord(str(header.with_suffix("")))
        signal_mv = record.p_signal.T[list(lead_order(record.sig_name))]
        assert einthoven_error_mv(signal_mv) < 0.0025


def test_lead_names_load_no_torch() -> None:
    code = "import sys, ssrl_ecg, ssrl_ecg.signals, ssrl_ecg.signals.leads; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
