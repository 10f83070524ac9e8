"""What pretraining and classification share: order of records, seeds per step, devices, parameter groups, schedule."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import nn
from torch.utils.data import Sampler

from ssrl_ecg.errors import InputError
from ssrl_ecg.models.config import require_whole

Precision = Literal["32", "bf16"]
_STREAMS = {"order": 1, "step": 2, "initialisation": 3, "statistics": 4}


def stream_seed(seed: int, stream: Literal["order", "step", "initialisation", "statistics"], *counters: int) -> int:
    """Seed of one independent random stream, a function of the run's seed and of counters alone.

    Because nothing depends on how often a generator was used before, a run resumed at step k draws what an
    uninterrupted run draws at step k. The mixing is SplitMix64's finaliser (Steele, Lea & Flood, OOPSLA 2014).
    """
    state = 0
    for value in (seed, _STREAMS[stream], *counters):
        state = (state + value + 0x9E3779B97F4A7C15) % 2**64
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) % 2**64
        state ^= state >> 31
    return state % 2**63


def step_generator(seed: int, step: int, rank: int = 0) -> torch.Generator:
    """Generator of everything drawn in one training step of one process."""
    return torch.Generator().manual_seed(stream_seed(seed, "step", step, rank))


class BatchOrder(Sampler[list[int]]):
    """Whole batches of positions, reshuffled every epoch from (seed, epoch) and dealt out evenly to all processes.

    Args:
        n_records: number of records.
        batch_size: records per process and step; smaller when there are fewer records.
        seed: the run's seed.
        n_batches: batches per epoch; None for one pass over the data without its odd end. If one pass is too short the
            order continues with a fresh shuffle, so within an epoch every record is seen equally often to within one.
        weights: (n_records,) sampling weights; given, records are drawn with replacement in proportion to them.
        passes: (n_records,) how often each record is seen in an epoch on average, in place of once; no record is seen
            less often than this rounded down, or more often than rounded up. An epoch is as long as their sum.
        rank: this process.
        world_size: number of processes.

    Raises:
        InputError: an epoch has fewer records than processes.
    """

    def __init__(
        self,
        n_records: int,
        batch_size: int,
        seed: int,
        *,
        n_batches: int | None = None,
        weights: torch.Tensor | None = None,
        passes: torch.Tensor | None = None,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        n_seen = n_records if passes is None else round(float(passes.double().sum()))
        if n_seen < world_size:
            raise InputError("too few records to train on", expected=f"at least {world_size}", found=n_seen)
        self._n_records, self._seed, self._weights, self._passes = n_records, seed, weights, passes
        self._rank, self._world_size, self._epoch = rank, world_size, 0
        self.batch_size = min(batch_size, n_seen // world_size)
        self.n_batches = n_batches or n_seen // (self.batch_size * world_size)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self.n_batches

    def __iter__(self) -> Iterator[list[int]]:
        generator = torch.Generator().manual_seed(stream_seed(self._seed, "order", self._epoch))
        step = self.batch_size * self._world_size
        order = self._order(step * self.n_batches, generator)
        for start in range(0, step * self.n_batches, step):
            first = start + self._rank * self.batch_size
            yield order[first : first + self.batch_size].tolist()

    def _order(self, wanted: int, generator: torch.Generator) -> torch.Tensor:
        """Return at least so many positions."""
        if self._weights is not None:
            return torch.multinomial(self._weights.double(), wanted, replacement=True, generator=generator)
        order, n_drawn = [], 0
        while n_drawn < wanted:
            order.append(self._one_pass(generator))
            n_drawn += len(order[-1])
        return torch.cat(order)

    def _one_pass(self, generator: torch.Generator) -> torch.Tensor:
        """Return each position once in random order, or as often as ``passes`` says, by systematic sampling."""
        shuffled = torch.randperm(self._n_records, generator=generator)
        if self._passes is None:
            return shuffled
        offset = torch.rand(1, generator=generator, dtype=torch.float64)
        ticks = torch.floor(torch.cumsum(self._passes.double()[shuffled], 0) + offset).long()
        drawn = shuffled.repeat_interleave(torch.diff(ticks, prepend=torch.zeros(1, dtype=torch.long)))
        return drawn[torch.randperm(len(drawn), generator=generator)]


def oversampling_weights(values: np.ndarray) -> torch.Tensor:
    """Sampling weight of each record: one over the count of its rarest positive class.

    That is the repeat factor of an image with several objects (Gupta, Dollar and Girshick 2019, "LVIS", section 4) with
    full balancing: classes that never meet are drawn equally often; where a record has several, its commoner ones come
    along, so shares are only nearly equal. (The sum over a record's classes, as if a class and then one of its records
    were drawn, favours records with many labels.) Records without a positive are a class of their own, which balances
    binary tasks, but weigh no more than those of the rarest class: a handful of them is nothing to learn by heart.

    Args:
        values: uint8 (record, class).

    Returns:
        float64 (record,), positive, not normalised.
    """
    with_none = np.column_stack([values, values.sum(axis=1) == 0]).astype(float)
    counts = with_none.sum(axis=0)
    rarest = min(counts[:-1][counts[:-1] > 0], default=0)
    counts[-1] = max(counts[-1], rarest)
    return torch.from_numpy((with_none / np.maximum(counts, 1)).max(axis=1))


@dataclass(frozen=True, kw_only=True)
class Compute:
    """Where and how exactly to compute; everything is handed to Lightning's trainer.

    Raises:
        InputError: an unknown precision or accelerator, or fewer than one device.
    """

    precision: Precision = "32"
    """"bf16" runs the forward and backward pass in bfloat16 autocast; weights stay float32."""
    accelerator: str = "auto"
    """Kind of device: auto, cpu, cuda, gpu or mps."""
    devices: int = 1
    """Number of processes, each with a device of its own and its own batches."""
    strategy: str = "auto"
    """Lightning's strategy, for example "ddp"."""

    def __post_init__(self) -> None:
        allowed = {"precision": get_args(Precision), "accelerator": ("auto", "cpu", "cuda", "gpu", "mps")}
        for name, values in allowed.items():
            if getattr(self, name) not in values:
                raise InputError(f"unknown {name}", field=name, expected=" | ".join(values), found=getattr(self, name))
        require_whole("devices", self.devices, 1)


def process_rank() -> int:
    """Number of this process among those of its training; 0 where there is one. Lightning, torchrun or Slurm set it."""
    names = ("RANK", "LOCAL_RANK", "SLURM_PROCID")
    return next((int(os.environ[name]) for name in names if name in os.environ), 0)


def parameter_groups(
    modules: Iterable[tuple[nn.Module, float]], learning_rate: float, weight_decay: float
) -> list[dict[str, Any]]:
    """Make AdamW's groups: one-dimensional parameters (biases, normalisation) are not decayed, frozen ones left out.

    Args:
        modules: (module, factor on its learning rate).
        learning_rate: peak rate at factor 1.
        weight_decay: decoupled decay of everything else.
    """
    groups = []
    for module, factor in modules:
        parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
        for chosen, decay in (
            ([parameter for parameter in parameters if parameter.ndim > 1], weight_decay),
            ([parameter for parameter in parameters if parameter.ndim <= 1], 0.0),
        ):
            if chosen:
                groups.append({"params": chosen, "lr": learning_rate * factor, "weight_decay": decay})
    return groups


def warmup_cosine(n_steps: int, warmup_steps: int) -> Callable[[int], float]:
    """Factor on the learning rate by step: a linear warm-up, then half a cosine down to 0.

    Step k of w warm-up steps has (k + 1) / w; the steps after it 1/2 (1 + cos(pi (k - w) / (n - w))), the cosine of
    Loshchilov & Hutter (ICLR 2017) without restarts; 0 from step n on.

    Args:
        n_steps: all steps, n.
        warmup_steps: of which warm-up, w; possibly 0.
    """

    def factor(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        progress = (step - warmup_steps) / max(1, n_steps - warmup_steps)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))

    return factor
