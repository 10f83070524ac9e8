"""VCG rotation: the same heart, turned and scaled in the chest."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ssrl_ecg.augmentations.base import Augmentation, AugmentationConfig, Parameters, draw_uniform, require_within
from ssrl_ecg.augmentations.twelve_leads import INDEPENDENT, TWELVE_FROM_EIGHT, require_twelve_leads
from ssrl_ecg.signals.vcg import DOWER, INVERSE_DOWER


@dataclass(frozen=True, kw_only=True)
class VCGRotationConfig(AugmentationConfig):
    """Strength and rate of ``VCGRotation``; defaults of 3KG (Gopal et al. 2021), which applies it always.

    Rotation moves the electrical axis, and scaling the voltages, which diagnoses rest on: where labels are used, keep
    to angles of 15 degrees at most and to scales near 1 (recipe ``3kg-small-angles``).
    """

    probability: float = 1.0
    largest_angle_degrees: float = 45.0
    """Largest rotation about each axis in degrees, in [0, 180]; each angle is uniform between plus and minus this."""
    scale: tuple[float, float] = (1.0, 1.5)
    """Range of the factor of each axis, drawn uniformly for each, within [0.2, 5]."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within(self, "largest_angle_degrees", 0.0, 180.0)
        require_within(self, "scale", 0.2, 5.0)


class VCGRotation(Augmentation):
    """Rotate the heart's dipole by random Euler angles, scale its axes, and read the leads again (3KG, Gopal 2021).

    The eight independent leads x give the vectorcardiogram ``v = inverse Dower x``, rotated by ``R = Rz Ry Rx`` and
    scaled by a diagonal S; the leads become ``x + Dower (S R - 1) v``, and III, aVR, aVL and aVF follow from I and II.
    Unlike 3KG, which returns ``Dower S R v``, what a single dipole cannot explain stays in the leads, so that no
    rotation and no scaling is no change (the plain round trip loses a third of lead I). A lead changes by at most
    1 + the largest scale (the largest ``|S R v - v| / |v|``) times the length of its Dower vector (1.56 at most) times
    the largest dipole of the record.
    """

    name = "vcg-rotation"
    config_type = VCGRotationConfig
    config: VCGRotationConfig

    def _draw(
        self, rows: Tensor, signal_mv: Tensor, sampling_rate_hz: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        require_twelve_leads(signal_mv)
        largest = math.radians(self.config.largest_angle_degrees)
        return {
            "xyz_radians": draw_uniform((-largest, largest), (len(rows), 3), generator),
            "xyz_scale": draw_uniform(self.config.scale, (len(rows), 3), generator),
        }

    def _transform(self, signal_mv: Tensor, parameters: Parameters, sampling_rate_hz: float) -> Tensor:
        own = signal_mv.index_select(0, parameters.rows)
        dipole = torch.from_numpy(INVERSE_DOWER).to(own) @ own[:, INDEPENDENT]
        turned = parameters["xyz_scale"].unsqueeze(2) * rotation(parameters["xyz_radians"])
        change = turned.to(own) - torch.eye(3, dtype=own.dtype, device=own.device)
        leads_from_dipole = (TWELVE_FROM_EIGHT @ torch.from_numpy(DOWER)).to(own)
        return own.baddbmm_(leads_from_dipole @ change, dipole)


def rotation(xyz_radians: Tensor) -> Tensor:
    """Return the rotation matrices ``Rz Ry Rx`` of angles about X, Y and Z.

    Args:
        xyz_radians: (row, 3) angles, positive counter-clockwise seen from the tip of the axis.

    Returns:
        (row, 3, 3), orthogonal with determinant 1.
    """
    turns = []
    for axis, angle in enumerate(xyz_radians.unbind(dim=1)):
        second, third = (axis + 1) % 3, (axis + 2) % 3
        turn = torch.eye(3, dtype=angle.dtype, device=angle.device).repeat(len(angle), 1, 1)
        turn[:, second, second] = turn[:, third, third] = angle.cos()
        turn[:, third, second] = angle.sin()
        turn[:, second, third] = -angle.sin()
        turns.append(turn)
    about_x, about_y, about_z = turns
    return about_z @ about_y @ about_x
