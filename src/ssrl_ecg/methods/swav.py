"""SwAV: assign one view to prototypes, evenly over all records, and predict the assignment from the other view.

Caron et al. 2020, "Unsupervised Learning of Visual Features by Contrasting Cluster Assignments". Here: ECG windows of
one length instead of large and small crops, assignments balanced over the batches of all processes, as many prototypes
as a batch can fill, and one queue for all views, used once it is full.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssrl_ecg.losses import sinkhorn, swapped_prediction
from ssrl_ecg.methods.gather import gather_with_gradient
from ssrl_ecg.methods.method import Loss, Method, ViewBatch, ViewPlan
from ssrl_ecg.methods.projector import mlp
from ssrl_ecg.methods.queue import KeyQueue
from ssrl_ecg.models import Encoder, ModuleConfig
from ssrl_ecg.models.config import require_between, require_whole


@dataclass(frozen=True, kw_only=True)
class SwAVConfig(ModuleConfig):
    """Settings of SwAV."""

    n_prototypes: int = 50
    """Prototypes (>= 2); our choice for batches of 128. Caron et al. 2020 have 3000 for batches of 256 to 4096."""
    n_windows: int = 2
    """Windows per record and step (>= 2); the first two are assigned, each is predicted from all others. Mehari and
    Strodthoff 2022 have 7 of one length."""
    temperature: float = 0.1
    """Divides the cosines of the prediction, in [0.001, 100]; Caron et al. 2020."""
    epsilon: float = 0.05
    """Weight of the assignment's entropy, in [0.001, 100]; Caron et al. 2020."""
    sinkhorn_iterations: int = 3
    """Iterations of the assignment (>= 1); Caron et al. 2020."""
    frozen_fraction: float = 0.01
    """Share of the steps in which prototypes do not move at first, in [0, 1]: an epoch of 100; Caron et al. 2020 freeze
    them for one epoch."""
    queue_size: int = 0
    """Projections of earlier steps that are assigned along with the batch, 0 for none; Caron et al. 2020 have 3840 for
    batches too small for their prototypes."""
    hidden_dim: int = 2048
    """Hidden units of the projection head (>= 1); Caron et al. 2020."""
    projection_dim: int = 128
    """Dimensions of projections and prototypes (>= 1); Caron et al. 2020."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require_between("temperature", self.temperature, 1e-3, 1e2)
        require_between("epsilon", self.epsilon, 1e-3, 1e2)
        require_between("frozen_fraction", self.frozen_fraction, 0.0, 1.0)
        require_whole("queue_size", self.queue_size, 0)
        for name, minimum in (("n_prototypes", 2), ("n_windows", 2), ("sinkhorn_iterations", 1)):
            require_whole(name, getattr(self, name), minimum)
        for name in ("hidden_dim", "projection_dim"):
            require_whole(name, getattr(self, name), 1)


class SwAV(Method):
    """Encoder, projection head (linear, batch norm, ReLU, linear), prototypes of unit length, perhaps a queue.

    ``state_dict`` holds prototypes, queue and how far training is.
    """

    Config = SwAVConfig
    config: SwAVConfig
    progress: Tensor

    def __init__(self, encoder: Encoder, config: SwAVConfig) -> None:
        super().__init__(encoder, config)
        self.plan = ViewPlan(windows=config.n_windows)
        self.projector = mlp(encoder.feature_dim, config.hidden_dim, config.projection_dim)
        self.prototypes = nn.Parameter(F.normalize(torch.randn(config.n_prototypes, config.projection_dim), dim=1))
        self.queue = KeyQueue(config.queue_size, config.projection_dim) if config.queue_size else None
        self.register_buffer("progress", torch.zeros(()))
        self._latest: tuple[Tensor, Tensor] | None = None

    def loss(self, batch: ViewBatch, generator: torch.Generator) -> Loss:
        """Predict the assignments of the first two windows from every other, over the batches of all processes.

        Logs ``prototypes_used``, the exponential of the entropy of the mean prediction: 1 where all records fall to one
        prototype, at most ``n_prototypes``.
        """
        projections = self.projector(self.encoder(torch.cat(batch.views))).float().chunk(len(batch.views))
        z = torch.stack([gather_with_gradient(F.normalize(projection, dim=1)) for projection in projections])
        with torch.autocast(z.device.type, enabled=False):
            similarities = z @ self._prototypes().T
            assignments = torch.stack([self._assign(view) for view in z[:2].detach()])
            value = swapped_prediction(similarities, assignments, self.config.temperature)
            used = (similarities.detach() / self.config.temperature).softmax(dim=-1).mean(dim=(0, 1))
        self._latest = z.detach().flatten(0, 1), gather_with_gradient(batch.rows).repeat(len(z))
        return Loss(value=value, logs={"prototypes_used": torch.special.entr(used).sum().exp()})

    def after_step(self, progress: float) -> None:
        """Give the prototypes unit length again and put the step's projections into the queue."""
        super().after_step(progress)
        self.progress.fill_(progress)
        with torch.no_grad():
            self.prototypes.copy_(F.normalize(self.prototypes, dim=1))
        if self.queue is not None and self._latest is not None:
            self.queue.push(*self._latest)

    def _prototypes(self) -> Tensor:
        if self.progress >= self.config.frozen_fraction:
            return self.prototypes
        return self.prototypes.detach() + 0 * self.prototypes  # a gradient of zero: DDP waits for one, Adam keeps still

    def _assign(self, z: Tensor) -> Tensor:
        """Assign unit vectors (record, dim) to prototypes, among those of the queue: (record, prototype)."""
        population = z if self.queue is None or not self.queue.full else torch.cat([z, self.queue.keys])
        similarities = population @ self.prototypes.detach().T
        return sinkhorn(similarities, self.config.epsilon, self.config.sinkhorn_iterations)[: len(z)]
