from __future__ import annotations

import math

import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.losses import patient_info_nce


def slow_patient_info_nce(z_a, z_b, patients, temperature) -> float:
    """Every pair of records of one patient, in both directions."""
    terms = {"a to b": [], "b to a": []}
    for direction, (queries, keys) in {"a to b": (z_a, z_b), "b to a": (z_b, z_a)}.items():
        for query, patient in zip(queries, patients, strict=True):
            scores = [math.exp(torch.cosine_similarity(query, key, dim=0).item() / temperature) for key in keys]
            for score, other in zip(scores, patients, strict=True):
                if other == patient:
                    terms[direction].append(-math.log(score / sum(scores)))
    every = terms["a to b"] + terms["b to a"]
    return sum(every) / len(every)


@pytest.mark.parametrize("patients", [[0, 1, 2, 3, 4], [7, 7, 3, 7, 3], [5, 5, 5, 5, 5]])
@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_equals_a_slow_loop(patients, temperature, generator):
    z_a, z_b = torch.randn(2, 5, 4, generator=generator, dtype=torch.float64)
    found = patient_info_nce(z_a, z_b, torch.tensor(patients), temperature)
    assert found.item() == pytest.approx(slow_patient_info_nce(z_a, z_b, patients, temperature), rel=1e-5)


def test_symmetric_in_the_views_and_blind_to_the_order_of_records(generator):
    z_a, z_b = torch.randn(2, 6, 4, generator=generator)
    patients, order = torch.tensor([0, 0, 1, 2, 2, 2]), torch.tensor([3, 1, 5, 0, 4, 2])
    expected = patient_info_nce(z_a, z_b, patients, 0.1)
    torch.testing.assert_close(patient_info_nce(z_b, z_a, patients, 0.1), expected)
    torch.testing.assert_close(patient_info_nce(z_a[order], z_b[order], patients[order], 0.1), expected)


def test_a_second_record_of_the_patient_is_attracted_and_a_stranger_repelled():
    z_a = torch.eye(2)
    for patients, towards in (([0, 0], 1), ([0, 1], -1)):
        z_b = torch.eye(2, requires_grad=True)
        patient_info_nce(z_a, z_b, torch.tensor(patients), 1.0).backward()
        assert math.copysign(1, -z_b.grad[1, 0].item()) == towards


def test_equal_similarities_give_the_logarithm_of_the_batch_and_one_record_gives_none():
    z = torch.ones(6, 4, requires_grad=True)
    for patients in (torch.arange(6), torch.zeros(6, dtype=torch.int64)):
        assert patient_info_nce(z, z, patients, 0.1).item() == pytest.approx(math.log(6))
    alone = patient_info_nce(z[:1], -z[:1], torch.tensor([4]), 0.1)
    alone.backward()
    assert alone.item() == 0
    assert z.grad.abs().sum() == 0


def test_what_does_not_fit_is_refused():
    z, patients = torch.randn(3, 4), torch.arange(3)
    with pytest.raises(InputError, match="temperature"):
        patient_info_nce(z, z, patients, 0.0)
    with pytest.raises(InputError, match="shape"):
        patient_info_nce(z, z[:2], patients, 0.1)
    with pytest.raises(InputError, match="patient"):
        patient_info_nce(z, z, patients[:2], 0.1)
