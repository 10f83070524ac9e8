"""What losses of two tables of vectors refuse."""

from __future__ import annotations

from torch import Tensor

from ssrl_ecg.errors import InputError


def require_one_shape(z_a: Tensor, z_b: Tensor) -> None:
    """Refuse what are not two tables (batch, dim) of one shape.

    Raises:
        InputError: names both shapes.
    """
    if z_a.shape != z_b.shape or z_a.ndim != 2:
        raise InputError("both views need one shape (batch, dim)", found=f"{tuple(z_a.shape)} and {tuple(z_b.shape)}")
