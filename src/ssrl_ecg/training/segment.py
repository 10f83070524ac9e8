"""Training a segmenter, and what it says of recordings: the wave of every sample of every lead."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import lightning as L
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from ssrl_ecg.augmentations.recipes import Recipe
from ssrl_ecg.data.wave_marks import MarkedRecords
from ssrl_ecg.errors import InputError
from ssrl_ecg.losses import cross_entropy_dice
from ssrl_ecg.models.config import require_between, require_whole
from ssrl_ecg.models.unet import UNet
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.signals.waves import UNMARKED, without_short_runs
from ssrl_ecg.training.embed import eval_mode, module_hash
from ssrl_ecg.training.loop import BatchOrder, Compute, parameter_groups, step_generator, stream_seed, warmup_cosine
from ssrl_ecg.training.state import kept_in, run_identity
from ssrl_ecg.training.trainer import fit
from ssrl_ecg.training.windows import cut, draw_starts

SHORTEST_RUN_S = 0.02
"""Shorter pieces of a predicted mask go to their neighbours: no wave and no pause between waves is as short."""

_STEPS_PER_EPOCH = 50


@dataclass(frozen=True, kw_only=True)
class SegmentConfig:
    """How a segmenter is trained: a number of steps that a few records need as well, and more for many.

    Defaults chosen on patients of LUDB's training part (``results/trials/segmentation.json``).
    """

    trainable: Literal["all", "decoder"] = "all"
    """"all" trains encoder and decoder; "decoder" freezes the encoder (eval mode, unchanged bytes, asserted)."""
    steps: int = 160
    """Optimiser steps at least; the weights after the last one are kept."""
    passes: float = 32.0
    """Passes over the records at least: of LUDB's 160 training patients, 320 steps."""
    batch_size: int = 16
    """Records per step; fewer if there are fewer."""
    leads_per_step: int = 4
    """Leads that a step learns from, drawn anew each time: those of one record are much alike, and reading them at full
    rate is what costs. An encoder of all leads reads the others too."""
    learning_rate: float = 3e-3
    """Peak rate of the decoder (and of everything when the factor below is 1)."""
    encoder_rate_factor: float = 1.0
    """The encoder's rate as a share of the decoder's."""
    weight_decay: float = 1e-2
    """AdamW's decoupled decay of kernels."""
    warmup_fraction: float = 0.1
    """Share of the steps in which the rate rises linearly; a cosine to zero follows."""
    dice_weight: float = 1.0
    """Weight of the Dice loss beside cross-entropy."""
    clip_norm: float = 1.0
    """Gradient norm above which gradients are scaled down; 0 for never."""
    seed: int = 42
    """Seed of initialisation, order, crops and augmentations."""

    def total_steps(self, n_records: int) -> int:
        """Optimiser steps of a training on so many records: ``steps``, or as many as ``passes`` passes need."""
        return max(self.steps, math.ceil(self.passes * n_records / self.batch_size))

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        for name in ("steps", "batch_size", "leads_per_step"):
            require_whole(name, getattr(self, name), 1)
        for name in ("passes", "learning_rate", "encoder_rate_factor", "weight_decay", "dice_weight", "clip_norm"):
            require_between(name, getattr(self, name), 0.0, 1e9)
        require_between("warmup_fraction", self.warmup_fraction, 0.0, 1.0)
        if self.trainable not in ("all", "decoder"):
            raise InputError("unknown part", field="trainable", expected="all or decoder", found=self.trainable)


FINETUNING = SegmentConfig(learning_rate=2e-3, encoder_rate_factor=0.3)
"""How a pretrained encoder and a decoder are trained on."""

FROZEN = SegmentConfig(trainable="decoder")
"""How a decoder is trained on an encoder that does not move."""

SINGLE_LEADS = SegmentConfig(steps=300, leads_per_step=3)
"""How a network of single leads is trained."""


@dataclass(frozen=True)
class SegmentResult:
    """The trained network (on the CPU, in eval mode) and one row of numbers per 50 steps."""

    unet: UNet
    history: list[dict[str, float]]


_Batch = tuple[Tensor, Tensor]
"""(batch, lead, time) in mV, and their masks."""


class _Batches(Dataset[_Batch]):
    """Marked records, indexed by whole lists of rows."""

    def __init__(self, records: MarkedRecords) -> None:
        self._records = records

    def __getitem__(self, rows: list[int]) -> _Batch:
        return torch.from_numpy(self._records.signal_mv[rows]), torch.from_numpy(self._records.masks[rows])


class _SegmentModule(L.LightningModule):
    """Adaptor: record batch -> one augmented, normalised crop and its masks -> logits -> loss."""

    def __init__(
        self,
        unet: UNet,
        records: MarkedRecords,
        preprocessing: Preprocessing,
        recipe: Recipe,
        config: SegmentConfig,
    ) -> None:
        super().__init__()
        self.unet = unet
        self._records, self._preprocessing, self._recipe, self._config = records, preprocessing, recipe, config
        if config.trainable == "decoder":
            unet.encoder.requires_grad_(requires_grad=False)

    def train_dataloader(self) -> DataLoader[_Batch]:
        config, rank, world_size = self._config, self.global_rank, self.trainer.world_size
        order = BatchOrder(
            len(self._records), config.batch_size, config.seed,
            n_batches=_STEPS_PER_EPOCH, rank=rank, world_size=world_size,
        )  # fmt: skip
        return DataLoader(_Batches(self._records), sampler=order, batch_size=None)

    def on_train_epoch_start(self) -> None:
        if self._config.trainable == "decoder":
            self.unet.encoder.eval()

    def training_step(self, batch: _Batch, batch_index: int) -> Tensor:
        generator = step_generator(self._config.seed, self.global_step, self.global_rank)
        torch.manual_seed(generator.initial_seed())  # dropout has no generator of its own
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            view, masks = self._view(batch, generator)
            leads = torch.randperm(view.shape[1], generator=generator)[: self._config.leads_per_step].to(view.device)
        loss = cross_entropy_dice(self.unet(view, leads).float(), masks[:, leads], self._config.dice_weight)
        across = self.trainer.world_size > 1
        self.log("loss", loss.detach(), on_step=False, on_epoch=True, batch_size=len(batch[0]), sync_dist=across)
        return loss

    def _view(self, batch: _Batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return an augmented, normalised crop of every record, and its masks."""
        filtered, masks, length = self._preprocessing.filter(batch[0]), batch[1], self._preprocessing.window_samples
        starts = draw_starts(len(filtered), filtered.shape[-1], length, generator)
        crop = self._recipe(cut(filtered, starts, length), self._preprocessing.sampling_rate_hz, generator)
        return self._preprocessing.normalise(crop), cut(masks, starts, length)

    def configure_optimizers(self) -> Any:
        config = self._config
        decoder = [(part, 1.0) for name, part in self.unet.named_children() if name != "encoder"]
        modules = [(self.unet.encoder, config.encoder_rate_factor), *decoder]
        optimiser = torch.optim.AdamW(parameter_groups(modules, config.learning_rate, config.weight_decay))
        steps = config.total_steps(len(self._records))
        factor = warmup_cosine(steps, round(steps * config.warmup_fraction))
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def train_segmenter(
    make_unet: Callable[[], UNet],
    records: MarkedRecords,
    *,
    preprocessing: Preprocessing,
    recipe: Recipe,
    config: SegmentConfig,
    compute: Compute | None = None,
    folder: Path | None = None,
    progress: bool = True,
) -> SegmentResult:
    """Train a segmenter on records whose waves are marked; nothing is chosen on validation records.

    Args:
        make_unet: builds the network (its encoder fresh or pretrained); called once, under a seed derived from
            ``config.seed``.
        records: what to learn from, all of it; samples that nobody annotated are not learned from.
        preprocessing: fitted on training signals; its window is the length of a crop.
        recipe: augmentations of a crop, which must keep time.
        config: what moves, how fast, how long.
        compute: precision and devices.
        folder: where ``history.csv`` and the training state go; an interrupted run with the same settings goes on from
            there.
        progress: show a progress bar.

    Raises:
        InputError: no records, nothing marked, another rate, augmentations that move time, a state of other settings,
            or a loss that is not finite.
        KeyboardInterrupt: Ctrl-C; the state stays.
        AssertionError: a frozen encoder moved.
    """
    _check(records, preprocessing, recipe)
    torch.manual_seed(stream_seed(config.seed, "initialisation"))
    unet, compute = make_unet(), compute or Compute()
    before = module_hash(unet.encoder)
    network = (type(unet.encoder).__name__, unet.encoder.config, unet.config, module_hash(unet))
    settings = (preprocessing, recipe.to_dict(), config, compute)
    steps = config.total_steps(len(records))
    history, state = kept_in(folder, run_identity(records.fingerprint(), network, settings))
    fit(
        _SegmentModule(unet, records, preprocessing, recipe, config),
        history,
        [],
        compute=compute,
        max_epochs=math.ceil(steps / _STEPS_PER_EPOCH),
        max_steps=steps,
        clip_norm=config.clip_norm,
        title="segmenter" if progress else None,
        state=state,
    )
    if config.trainable == "decoder" and module_hash(unet.cpu().encoder) != before:
        raise AssertionError("the frozen encoder changed during the training of its decoder")
    return SegmentResult(unet.cpu().eval(), history.rows)


def _check(records: MarkedRecords, preprocessing: Preprocessing, recipe: Recipe) -> None:
    if len(records) == 0:
        raise InputError("no records to train on", expected="at least 1", found=0)
    if (records.masks == UNMARKED).all():
        raise InputError("nothing is marked in the records to train on", field="masks")
    if records.sampling_rate_hz != preprocessing.sampling_rate_hz:
        raise InputError("records are at another rate", field="sampling_rate_hz",
                         expected=preprocessing.sampling_rate_hz, found=records.sampling_rate_hz)  # fmt: skip
    if not recipe.keeps_time:
        raise InputError("waves must be found where they are", field="recipe",
                         expected="augmentations that keep the time axis", found=recipe.name)  # fmt: skip


@torch.no_grad()
def wave_logits(unet: UNet, preprocessing: Preprocessing, signal_mv: Tensor) -> Tensor:
    """Logits of whole recordings in eval mode, averaged where windows overlap by half.

    Args:
        unet: its training mode is restored afterwards.
        preprocessing: the network's own, fitted.
        signal_mv: (batch, lead, time) in mV at its rate, unfiltered; shorter than a window it is one.

    Returns:
        (batch, lead, class, time).

    Raises:
        InputError: recordings too short for the encoder, or other leads.
    """
    filtered = preprocessing.filter(signal_mv)
    length = min(preprocessing.window_samples, filtered.shape[-1])
    starts = preprocessing.window_starts(filtered.shape[-1]) if length == preprocessing.window_samples else (0,)
    times = torch.zeros(filtered.shape[-1], device=filtered.device)
    total = torch.zeros((), device=filtered.device)
    with eval_mode(unet):
        for start in starts:
            window = unet(preprocessing.normalise(filtered[..., start : start + length])).float()
            total = total + F.pad(window, (start, filtered.shape[-1] - start - length))
            times[start : start + length] += 1
    return total / times


def wave_masks(logits: Tensor, from_hz: float, to_hz: float, n_samples: int) -> NDArray[np.uint8]:
    """Return the likeliest class of every sample at another rate, pieces shorter than ``SHORTEST_RUN_S`` removed.

    Logits are interpolated linearly, so that a boundary is found where two classes cross and not only on the grid of
    the network's rate.

    Args:
        logits: (..., class, time), sample k at k / from_hz.
        from_hz: their rate.
        to_hz: rate of the masks.
        n_samples: length of the masks; beyond the last logit that one goes on.

    Returns:
        (..., n_samples) uint8.
    """
    position = torch.arange(n_samples, dtype=torch.float64) * (from_hz / to_hz)
    position = position.clamp(max=logits.shape[-1] - 1)
    before = position.floor().long().clamp(max=max(logits.shape[-1] - 2, 0))
    share = (position - before).to(logits.dtype)
    after = (before + 1).clamp(max=logits.shape[-1] - 1)
    codes = torch.lerp(logits[..., before], logits[..., after], share).argmax(dim=-2).to(torch.uint8).numpy()
    shortest = round(SHORTEST_RUN_S * to_hz)
    return np.apply_along_axis(without_short_runs, -1, codes, shortest)


def segment(
    unet: UNet, preprocessing: Preprocessing, signal_mv: NDArray[np.float32], to_hz: float, batch_size: int = 8
) -> NDArray[np.uint8]:
    """Return the wave of every sample of recordings.

    Args:
        unet: the network.
        preprocessing: its own, fitted.
        signal_mv: (record, lead, time) in mV at its rate, unfiltered.
        to_hz: rate of the masks.
        batch_size: records at a time.

    Returns:
        (record, lead, time) 0 nothing, 1 P, 2 QRS, 3 T, as long as the recordings.

    Raises:
        InputError: recordings too short for the encoder, or other leads.
    """
    from_hz = preprocessing.sampling_rate_hz
    n_samples = round(signal_mv.shape[-1] * to_hz / from_hz)
    parts = [
        wave_masks(wave_logits(unet, preprocessing, torch.from_numpy(part)), from_hz, to_hz, n_samples)
        for part in np.split(signal_mv, range(batch_size, len(signal_mv), batch_size))
    ]
    return np.concatenate(parts)
