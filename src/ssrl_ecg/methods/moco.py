"""MoCo: find one's own key, made by a slow copy of oneself, among many keys of earlier steps.

He, Fan, Wu, Xie and Girshick 2020, "Momentum Contrast for Unsupervised Visual Representation Learning", with the head
and temperature of MoCo v2 (Chen, Fan, Girshick and He 2020). Here: ECG views; both views ask and answer, as in MoCo v3;
tau rises to 1 and adapts to short trainings (``MomentumMethod.begin``).

Two things a small database of recordings asks for:

- Own keys. A queue that is not far shorter than the database still holds other views of the record that asks. They are
  found by their rows and left out of its negatives, wherever the record was last drawn.
- Fresh keys. The paper's negatives are the queue alone. Its keys were made by an older network than the positive and
  normalised in other batches, and in a short training, where the network changes fast, the positive can be told from
  them by that alone. The paper shuffles the records over its GPUs between queries and keys; one process cannot. So the
  step's keys of other records are negatives too, as in MoCo v3 (which has no others): they share the positive's
  network and batch statistics, and what sets it apart from them is the record.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ssrl_ecg.losses import queue_contrast
from ssrl_ecg.methods.gather import gather_with_gradient
from ssrl_ecg.methods.method import Loss, ViewBatch
from ssrl_ecg.methods.momentum import MomentumConfig, MomentumMethod
from ssrl_ecg.methods.projector import mlp
from ssrl_ecg.methods.queue import KeyQueue
from ssrl_ecg.models import Encoder
from ssrl_ecg.models.config import require_between, require_whole


@dataclass(frozen=True, kw_only=True)
class MoCoConfig(MomentumConfig):
    """Settings of MoCo."""

    momentum_tau: float = 0.99
    """Share of itself that the key network keeps at the start, in [0, 1]; rises to 1 on a cosine; Chen, Xie and He 2021
    (MoCo v3)."""
    temperature: float = 0.2
    """Divides cosine similarities, in [0.001, 100]; Chen et al. 2020 (MoCo v2)."""
    queue_size: int = 512
    """Keys that are kept (>= 1); our choice: two steps of 128 records and two views, a sixth of the views of 1,500
    records. The paper's 65,536 are a twentieth of ImageNet."""
    hidden_dim: int = 2048
    """Hidden units of the projection head (>= 1); Chen et al. 2020."""
    projection_dim: int = 128
    """Dimensions in which views are compared (>= 1); He et al. 2020."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        super().__post_init__()
        require_between("temperature", self.temperature, 1e-3, 1e2)
        for name in ("queue_size", "hidden_dim", "projection_dim"):
            require_whole(name, getattr(self, name), 1)


class MoCo(MomentumMethod):
    """Query network (encoder, then linear, ReLU, linear), key network, queue; the last two move only in ``after_step``.

    ``state_dict`` holds the key network and the queue with its rows.
    """

    Config = MoCoConfig
    config: MoCoConfig

    def __init__(self, encoder: Encoder, config: MoCoConfig) -> None:
        super().__init__(encoder, config)
        self.projector = mlp(encoder.feature_dim, config.hidden_dim, config.projection_dim, batch_norm=False)
        self.key_network = nn.Sequential(deepcopy(encoder), deepcopy(self.projector)).requires_grad_(False)
        self.queue = KeyQueue(config.queue_size, config.projection_dim)
        self._latest: tuple[Tensor, Tensor] | None = None

    def loss(self, batch: ViewBatch, generator: torch.Generator) -> Loss:
        """Contrast each view's query with the other view's key, the step's other keys and the queue: both directions.

        Keys are those of all processes. Queries do not see each other, so the mean of the processes' losses is that of
        one big batch. Logs ``alignment``, the mean cosine of queries and their keys.
        """
        views = torch.cat(batch.views)
        queries = self.projector(self.encoder(views))
        with torch.no_grad():
            keys = self.key_network(views)
        fresh = torch.cat([gather_with_gradient(of_view) for of_view in keys.chunk(2)])
        fresh_rows = gather_with_gradient(batch.rows).repeat(2)
        negatives = torch.cat([fresh, self.queue.keys])
        own = batch.rows.repeat(2)[:, None] == torch.cat([fresh_rows, self.queue.rows])
        answers = keys.roll(len(batch.rows), dims=0)
        value = queue_contrast(queries, answers, negatives, own, self.config.temperature)
        self._latest = fresh, fresh_rows
        alignment = torch.cosine_similarity(queries.detach().float(), answers.float()).mean()
        return Loss(value=value, logs={"alignment": alignment})

    def after_step(self, progress: float) -> None:
        """Move the key network towards the query network and put the step's keys into the queue."""
        super().after_step(progress)
        if self._latest is not None:
            self.queue.push(*self._latest)

    def _pairs(self) -> Iterator[tuple[Tensor, Tensor]]:
        query_network = nn.Sequential(self.encoder, self.projector)
        yield from zip(self.key_network.parameters(), query_network.parameters(), strict=True)
