"""A teacher that is a slow copy of oneself: what BYOL and MoCo share."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ssrl_ecg.methods.method import Method
from ssrl_ecg.models import Encoder, ModuleConfig
from ssrl_ecg.models.config import require_between


@dataclass(frozen=True, kw_only=True)
class MomentumConfig(ModuleConfig):
    """How slowly the target follows."""

    momentum_tau: float = 0.996
    """Share of itself that the target keeps at the start, in [0, 1]; rises to 1 on a cosine; Grill et al. 2020."""
    scale_half_life: bool = True
    """Lower the start value in short trainings, see ``half_life_fraction``; off, ``momentum_tau`` is exact."""
    half_life_fraction: float = 0.1
    """Longest initial half-life of the target's memory as a fraction of all steps, in (0, 1]; our choice."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require_between("momentum_tau", self.momentum_tau, 0.0, 1.0)
        require_between("half_life_fraction", self.half_life_fraction, 1e-6, 1.0)


class MomentumMethod(Method):
    """A method whose target is an exponential average of its online weights.

    The target gets no gradient and moves only in ``after_step``; a subclass lists in ``_pairs`` what follows what.
    """

    config: MomentumConfig

    def __init__(self, encoder: Encoder, config: MomentumConfig) -> None:
        super().__init__(encoder, config)
        self.start_tau = config.momentum_tau

    def begin(self, total_steps: int) -> None:
        """Fit the start value of tau to the number of steps K.

        A target that keeps tau of itself forgets half of what it was in ln(1/2) / ln(tau) steps: 173 at 0.996. Of the
        300,000 steps that Grill et al. took that is little, but in a training of 600 the target would remain its random
        initial self for much of it. So the half-life at the start is at most f K steps, f = ``half_life_fraction``:

            tau_start = min(momentum_tau, (1/2)^(1 / (f K)))

        With f = 0.1 every training of 1,730 steps or more starts at 0.996 exactly; one of 600 steps at 0.989.

        Args:
            total_steps: optimiser steps of the whole training (>= 1).

        Raises:
            ValueError: there is no step to take.
        """
        super().begin(total_steps)
        self.start_tau = self.config.momentum_tau
        if self.config.scale_half_life:
            self.start_tau = min(self.start_tau, 0.5 ** (1 / (self.config.half_life_fraction * total_steps)))

    def after_step(self, progress: float) -> None:
        """Move the target towards the online weights by 1 - tau (Grill et al. 2020, equation 1)."""
        super().after_step(progress)
        step_size = 1 - self.tau(progress)
        with torch.no_grad():
            for target, online in self._pairs():
                target.lerp_(online, step_size)

    def tau(self, progress: float) -> float:
        """Compute 1 - (1 - tau_start) (cos(pi progress) + 1) / 2 (Grill et al. 2020, section 3.3): 1 at the end."""
        return 1 - (1 - self.start_tau) * (math.cos(math.pi * progress) + 1) / 2

    @abstractmethod
    def _pairs(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield every (target, online) pair of tensors of which the first follows the second."""
