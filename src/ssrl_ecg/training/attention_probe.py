"""The frozen attention probe: a learned query decides which moments of a frozen encoder's map count.

The encoder runs once over every record; only the head is trained, on the maps it left. Weimann & Conrad (2024,
arXiv 2410.13867) and Al-Masud et al. (2025, arXiv 2509.25095) read frozen encoders out this way.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError
from ssrl_ecg.losses.multilabel import cross_entropy
from ssrl_ecg.models.config import require_between, require_whole
from ssrl_ecg.models.encoder import Encoder
from ssrl_ecg.models.heads import AttentionPoolHead, AttentionPoolHeadConfig
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.embed import eval_mode, module_hash
from ssrl_ecg.training.loop import stream_seed, warmup_cosine
from ssrl_ecg.training.selection import check_validations, validation_auroc


@dataclass(frozen=True, kw_only=True)
class AttentionProbeConfig:
    """How the head is trained; chosen on folds 1-5 and 6 of the PTB-XL sample (``results/trials``)."""

    steps: int = 200
    """Optimiser steps at least (>= 1)."""
    passes: float = 25.0
    """Passes over the labelled records at least, so that many labels get more steps."""
    batch_size: int = 64
    """Records per step; fewer if there are fewer labels."""
    learning_rate: float = 1e-3
    """AdamW's peak rate; a tenth of the steps warm up, a cosine to zero follows."""
    weight_decay: float = 0.1
    """AdamW's decoupled decay."""
    evaluate_every: int = 20
    """Steps between two looks at the validation records."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        for name in ("steps", "batch_size", "evaluate_every"):
            require_whole(name, getattr(self, name), 1)
        for name in ("passes", "learning_rate", "weight_decay"):
            require_between(name, getattr(self, name), 0.0, 1e9)


class AttentionProbe(nn.Module):
    """Standardised channels and an attention-pooling head: maps (batch, channel, moment) -> logits (batch, class)."""

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, scale: Tensor, n_outputs: int) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        self.head = AttentionPoolHead(AttentionPoolHeadConfig(), feature_dim=len(mean), n_outputs=n_outputs)

    def forward(self, maps: Tensor) -> Tensor:
        """Compute logits."""
        logits: Tensor = self.head((maps.float() - self.mean[:, None]) / self.scale[:, None])
        return logits

    @torch.no_grad()
    def logits(self, maps: NDArray[np.float16]) -> NDArray[np.float32]:
        """Logits (record, class) of the maps of some records."""
        parts = [self(torch.from_numpy(maps[start : start + 256])) for start in range(0, len(maps), 256)]
        return torch.cat(parts).numpy() if parts else np.empty((0, self.head.n_outputs), np.float32)


@torch.no_grad()
def whole_record_maps(
    encoder: Encoder, preprocessing: Preprocessing, store: RecordStore, *, batch_size: int = 64
) -> NDArray[np.float16]:
    """Run a frozen encoder over every record of a store, window after window without overlap.

    Args:
        encoder: in eval mode while it runs; its bytes do not change (asserted).
        preprocessing: the encoder's own, fitted.
        store: the records.
        batch_size: records at a time.

    Returns:
        float16 (record, map_dim, moment): the windows' maps one after the other.

    Raises:
        AssertionError: the encoder changed a parameter or buffer of its own.
    """
    before, device, parts = module_hash(encoder), next(encoder.parameters()).device, []
    with eval_mode(encoder):
        for start in range(0, len(store), batch_size):
            rows = np.arange(start, min(start + batch_size, len(store)))
            filtered = preprocessing.filter(torch.from_numpy(store.read_mv(rows)).to(device))
            starts = preprocessing.window_starts(filtered.shape[-1], 0.0)
            windows = [filtered[..., first : first + preprocessing.window_samples] for first in starts]
            maps = [encoder.feature_map(preprocessing.normalise(window)) for window in windows]
            parts.append(torch.cat(maps, dim=-1).to(torch.float16).cpu().numpy())
    if module_hash(encoder) != before:
        raise AssertionError("a frozen encoder changed while it was mapping")
    return np.concatenate(parts)


def fit_attention_probe(
    maps: NDArray[np.float16],
    labels: Labels,
    rows: NDArray[np.int64],
    validations: Mapping[str, NDArray[np.int64]],
    config: AttentionProbeConfig,
    seed: int,
) -> tuple[AttentionProbe, dict[str, AttentionProbe]]:
    """Train the head once; keep for each validation set the weights that did best on it.

    Args:
        maps: float16 (record, channel, moment) of every row of the store.
        labels: targets of every row.
        rows: labelled training rows; channels are standardised with their mean and SD.
        validations: name -> rows, looked at every ``evaluate_every`` steps and after the last; possibly none.
        config: schedule.
        seed: of the order of records.

    Returns:
        The probe after the last step, and per validation set the best one (the last where its AUROC is undefined).

    Raises:
        InputError: no labelled records, or an empty or unlabelled validation set.
    """
    if len(rows) == 0:
        raise InputError("no labelled records to fit a probe on", expected="at least 1", found=0)
    check_validations(labels, validations)
    own, targets = torch.from_numpy(maps[rows]), torch.from_numpy(labels.values[rows]).float()
    probe = _fresh_probe(own, len(labels.classes))
    batch_size = min(config.batch_size, len(rows))
    steps = max(config.steps, math.ceil(config.passes * len(rows) / batch_size))
    loss_of = cross_entropy if labels.task == "single" else F.binary_cross_entropy_with_logits
    optimiser = torch.optim.AdamW(probe.head.parameters(), config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, warmup_cosine(steps, round(0.1 * steps)))
    generator = torch.Generator().manual_seed(stream_seed(seed, "order"))
    order = torch.empty(0, dtype=torch.int64)
    best: dict[str, tuple[float, AttentionProbe]] = {}
    for step in range(1, steps + 1):
        if len(order) < batch_size:
            order = torch.randperm(len(rows), generator=generator)
        batch, order = order[:batch_size], order[batch_size:]
        optimiser.zero_grad()
        torch.autograd.backward(loss_of(probe(own[batch]), targets[batch]))
        optimiser.step()
        schedule.step()
        if step % config.evaluate_every == 0 or step == steps:
            for name, held_out in validations.items():
                auroc = validation_auroc(labels, held_out, probe.logits(maps[held_out]))
                if name not in best or auroc > best[name][0] or math.isnan(auroc):
                    best[name] = auroc, copy.deepcopy(probe)
    return probe, {name: kept for name, (_, kept) in best.items()}


def _fresh_probe(maps: Tensor, n_outputs: int) -> AttentionProbe:
    """A probe that gives every class logit 0: with the query at zero too, the start draws nothing."""
    moments = maps.float()
    probe = AttentionProbe(moments.mean((0, 2)), moments.std((0, 2)).clamp_min(1e-6), n_outputs)
    nn.init.zeros_(probe.head.output.weight)
    nn.init.zeros_(probe.head.output.bias)
    return probe
