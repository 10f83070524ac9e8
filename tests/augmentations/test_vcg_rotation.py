from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from ssrl_ecg.augmentations.vcg_rotation import VCGRotation, VCGRotationConfig, rotation
from ssrl_ecg.signals.vcg import leads_to_vcg, vcg_to_leads


def test_rotation_is_scipys_extrinsic_xyz(generator):
    angles = (torch.rand(50, 3, generator=generator, dtype=torch.float64) - 0.5) * 6
    np.testing.assert_allclose(
        rotation(angles).numpy(), Rotation.from_euler("xyz", angles.numpy()).as_matrix(), atol=1e-12
    )


def test_turns_the_dipole_and_keeps_the_rest_record_by_record(batch, generator):
    turning = VCGRotation(VCGRotationConfig(probability=1.0))
    drawn = turning.draw(batch, 100.0, generator)
    output = turning.apply(batch, drawn, 100.0).numpy()
    for row, record in enumerate(batch.numpy()):
        turn = Rotation.from_euler("xyz", drawn["xyz_radians"][row].double().numpy()).as_matrix()
        scale = drawn["xyz_scale"][row].double().numpy()
        dipole = leads_to_vcg(record)
        expected = record - vcg_to_leads(dipole) + vcg_to_leads(np.diag(scale) @ turn @ dipole)
        np.testing.assert_allclose(output[row], expected, atol=1e-6)


def test_no_angle_is_no_change_and_angles_stay_in_range(batch, generator):
    still = VCGRotation(VCGRotationConfig(probability=1.0, largest_angle_degrees=0.0, scale=(1.0, 1.0)))
    assert torch.equal(still(batch, 100.0, generator), batch)
    drawn = VCGRotation(VCGRotationConfig()).draw(torch.zeros(3000, 12, 1), 100.0, generator)
    assert drawn["xyz_radians"].abs().max().item() == pytest.approx(np.pi / 4, abs=1e-3)
    assert drawn["xyz_radians"].mean(dim=0).abs().max() < 0.05
    assert (drawn["xyz_scale"].amin() >= 1) & (drawn["xyz_scale"].amax() <= 1.5)


def test_the_plain_round_trip_would_lose_a_third_of_lead_i():
    """Why the change is added to the leads instead of reading them off the turned dipole alone."""
    twelve = np.zeros((12, 1))
    twelve[[0, 3, 4, 5], 0] = 1, -0.5, 1, -0.5
    kept = vcg_to_leads(leads_to_vcg(twelve))[0, 0]
    assert kept < 0.7
