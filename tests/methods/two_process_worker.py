"""One of two gloo processes: two steps of each method under DDP on half of a batch, the outcome written to a file."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from ssrl_ecg.methods import METHODS, Method, ViewBatch
from ssrl_ecg.methods.measurements import TARGETS
from ssrl_ecg.models import Encoder, EncoderConfig

SETTINGS = {
    "barlow-twins": {"hidden_dim": 7, "projection_dim": 4},
    "beat-ssl": {"hidden_dim": 7, "projection_dim": 4, "temperature": 0.5, "beat_target": "soft_1"},
    "clocs": {"projection_dim": 4, "temperature": 0.5},
    "halves": {"hidden_dim": 7, "projection_dim": 4, "temperature": 0.5, "aggregation": "attention"},
    "measurements": {"hidden_dim": 7, "projection_dim": 4, "temperature": 0.5},
    "moco": {"hidden_dim": 7, "projection_dim": 4, "queue_size": 16},
    "poly-window": {"hidden_dim": 7, "projection_dim": 4, "temperature": 0.5, "n_windows": 3},
    "simclr": {"hidden_dim": 7, "projection_dim": 4, "temperature": 0.5},
    "simulation": {"hidden_dim": 7, "projection_dim": 4, "temperature": 0.5, "simclr_weight": 0.2},
    "swav": {"hidden_dim": 7, "projection_dim": 4, "n_prototypes": 3, "queue_size": 12, "frozen_fraction": 0.0},
    "vicreg": {"hidden_dim": 7, "projection_dim": 4},
}
"""Methods whose loss is that of all processes' records together."""

N_RECORDS = 6


class SmoothEncoder(Encoder):
    """No batch norm: its statistics are each process's own, and would hide what the gather does."""

    Config = EncoderConfig
    minimum_samples = 4

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config)
        self.layer_dims = (config.width,)
        self.convolution = nn.Conv1d(config.n_leads, config.width, 3, padding=1)

    def _layers(self, signal: Tensor) -> list[Tensor]:
        return [torch.tanh(self.convolution(signal))]


def facts_of(rows: Tensor, n_targets: int) -> dict[str, Any]:
    """What records are told apart by; the later ones have more beats, and so the second process wider tables.

    The last records lack some targets, and so the second process knows fewer.
    """
    beat = torch.arange(3)
    there = beat <= rows[:, None] // 2
    some = there.any(dim=0)
    rpeaks_s = torch.where(there, 0.03 + 0.05 * beat + 0.001 * rows[:, None], float("nan"))[:, some]
    classes = ((rows[:, None] + beat) % 2)[:, some]
    features = torch.stack([torch.sin(rpeaks_s * k) for k in (30, 70)], dim=2)
    targets = torch.sin(rows[:, None] * torch.arange(n_targets))
    targets[rows > 3, :3] = float("nan")
    masks = (rows[:, None, None] + torch.arange(3)[:, None] + torch.arange(20)) % 4 == 0
    of_beats = {"rpeaks_s": (rpeaks_s,), "beat_classes": (classes,), "beat_features": (features,)}
    return of_beats | {"targets": targets, "masks": (masks, masks)}


class Step(nn.Module):
    def __init__(self, method: Method) -> None:
        super().__init__()
        self.method = method

    def forward(self, views: Tensor, rows: Tensor) -> Tensor:
        patients = rows % 4  # two of them have records on both processes
        facts = facts_of(rows, getattr(self.method.config, "n_targets", len(TARGETS)))
        batch = ViewBatch(views=tuple(views), rows=rows, sampling_rate_hz=100.0, patients=patients, **facts)
        return self.method.loss(batch, torch.Generator()).value


def without_batch_norm(module: nn.Module) -> nn.Module:
    for name, child in module.named_children():
        setattr(module, name, nn.Identity() if isinstance(child, nn.BatchNorm1d) else without_batch_norm(child))
    return module


def two_steps(name: str, own: slice, parallel: Callable[[Step], nn.Module]) -> dict[str, Tensor]:
    """Both steps' loss (mean over processes) and summed gradients, and all state that the method keeps."""
    torch.manual_seed(0)
    kind = METHODS[name]
    method = without_batch_norm(kind(SmoothEncoder(EncoderConfig(width=5)), kind.Config(**SETTINGS[name])))
    step = parallel(Step(method).train())
    found: dict[str, Tensor] = {}
    generator = torch.Generator().manual_seed(3)
    for number in range(2):
        views = torch.randn(method.plan.n_views, N_RECORDS, 12, 20, generator=generator)
        value = step(views[:, own], torch.arange(N_RECORDS)[own])
        value.backward()
        method.after_step(0.5)
        found[f"{name}: loss {number}"] = value.detach().clone()
    found |= {f"{name}: gradient of {key}": p.grad for key, p in method.named_parameters() if p.requires_grad}
    return found | {f"{name}: {key}": value for key, value in method.state_dict().items()}


def run(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    found = {}
    half = slice(N_RECORDS // 2 * rank, N_RECORDS // 2 * (rank + 1))
    for name in SETTINGS:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # collectives that torch gives up are found here first
            found |= two_steps(name, half, DistributedDataParallel)
    for key, value in found.items():
        if ": loss " in key:
            distributed.all_reduce(value)
            value /= 2
    torch.save(found, Path(folder) / f"{rank}.pt")
    distributed.destroy_process_group()
