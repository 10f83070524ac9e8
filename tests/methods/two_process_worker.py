"""One of two gloo processes: a SimCLR step under DDP on half of a batch, its gradients written to a file."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from ssrl_ecg.methods import SimCLR, SimCLRConfig, ViewBatch
from ssrl_ecg.models import Encoder, EncoderConfig


class SmoothEncoder(Encoder):
    """No batch norm: its statistics are each process's own, and would hide what the gather does."""

    Config = EncoderConfig
    minimum_samples = 4

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config)
        self.layer_dims = (config.width,)
        self.convolution = nn.Conv1d(config.n_leads, config.width, 3, padding=1)

    def _layers(self, signal: torch.Tensor) -> list[torch.Tensor]:
        return [torch.tanh(self.convolution(signal))]


class Step(nn.Module):
    def __init__(self, method: SimCLR) -> None:
        super().__init__()
        self.method = method

    def forward(self, view_a: torch.Tensor, view_b: torch.Tensor) -> torch.Tensor:
        batch = ViewBatch(views=(view_a, view_b), rows=torch.arange(len(view_a)), sampling_rate_hz=100.0)
        return self.method.loss(batch, torch.Generator()).value


def build() -> Step:
    torch.manual_seed(0)
    return Step(
        SimCLR(SmoothEncoder(EncoderConfig(width=5)), SimCLRConfig(hidden_dim=7, projection_dim=4, temperature=0.5))
    )


def views() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(6, 12, 20, generator=generator), torch.randn(6, 12, 20, generator=generator)


def gradients(step: nn.Module) -> dict[str, torch.Tensor]:
    return {name.removeprefix("module."): p.grad.clone() for name, p in step.named_parameters()}


def run(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    step = DistributedDataParallel(build())
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # collectives that torch gives up are found here first
        value = step(*(view[3 * rank : 3 * rank + 3] for view in views()))
        value.backward()
    torch.save({"value": value.detach()} | gradients(step), Path(folder) / f"{rank}.pt")
    distributed.destroy_process_group()
