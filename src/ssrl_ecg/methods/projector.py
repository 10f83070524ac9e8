"""The small network between an encoder and a self-supervised loss; thrown away after pretraining."""

from __future__ import annotations

from torch import nn


def mlp(
    in_dim: int, hidden_dim: int, out_dim: int, *, layers: int = 2, batch_norm: bool = True, last_bias: bool = True
) -> nn.Sequential:
    """Linear layers with a ReLU, and before it batch norm, between them; the last layer is linear alone.

    Args:
        in_dim: numbers that come in.
        hidden_dim: units of every hidden layer.
        out_dim: numbers that go out.
        layers: linear layers (>= 1).
        batch_norm: normalise hidden units over the batch; the bias before a batch norm would be idle and is left out.
        last_bias: give the last layer a bias; idle where the loss looks at differences from the batch's mean only.
    """
    parts: list[nn.Module] = []
    for _ in range(layers - 1):
        parts.append(nn.Linear(in_dim, hidden_dim, bias=not batch_norm))
        if batch_norm:
            parts.append(nn.BatchNorm1d(hidden_dim))
        parts.append(nn.ReLU(inplace=True))
        in_dim = hidden_dim
    return nn.Sequential(*parts, nn.Linear(in_dim, out_dim, bias=last_bias))
