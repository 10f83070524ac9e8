"""InfoNCE whose positives are decided by who the patient is, the loss of CLOCS."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ssrl_ecg.errors import InputError
from ssrl_ecg.losses.checks import require_one_shape


def patient_info_nce(z_a: Tensor, z_b: Tensor, patients: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of finding one's patient in the other view (Kiyasseh et al. 2021, "CLOCS", section 3.3).

    Row i of one view and row j of the other are positives where their patients are the same, i = j included; all rows
    of the other view stand in the denominator, positives too. Each pair of positives counts once from a to b and once
    from b to a, and all of them alike: a patient with k records in the batch has 2 k^2 terms. (The paper averages its
    diagonal and its off-diagonal terms apart, takes the latter in one direction each, and weighs the averages alike.)
    Computed in float32 through log-sum-exp also under autocast.

    Args:
        z_a: projections of one view (batch, dim), any scale: rows are L2-normalised here.
        z_b: projections of another view of the same records, same shape.
        patients: one whole number per record (batch,), equal for records of one patient.
        temperature: divides the cosine similarities (> 0).

    Returns:
        Scalar in nats, the mean over all terms. ln(batch) when all similarities are equal, also where all records are
        one patient's; a single record gives 0 with no gradient.

    Raises:
        InputError: the temperature is not positive, or the shapes differ.
    """
    if not temperature > 0:
        raise InputError("the temperature must be positive", field="temperature", found=temperature)
    require_one_shape(z_a, z_b)
    if patients.shape != z_a.shape[:1]:
        raise InputError("each record needs one patient", expected=(len(z_a),), found=tuple(patients.shape))
    with torch.autocast(z_a.device.type, enabled=False):
        logits = F.normalize(z_a.float(), dim=1) @ F.normalize(z_b.float(), dim=1).T / temperature
        positive = patients[:, None] == patients
        from_a, from_b = F.log_softmax(logits, dim=1), F.log_softmax(logits, dim=0)
        return -(from_a[positive].mean() + from_b[positive].mean()) / 2
