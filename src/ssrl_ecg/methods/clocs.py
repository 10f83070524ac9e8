"""CLOCS: neighbouring segments and different leads of a patient's recordings should look alike.

Kiyasseh, Zhu and Clifton 2021, "CLOCS: Contrastive Learning of Cardiac Signals Across Space, Time, and Patients". Here:
a 12-lead encoder in place of their single-lead one, negatives and patients gathered over all processes, and every pair
of views counts (their code assigns rather than adds within the loop over pairs, so that the last pair alone trains).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from ssrl_ecg.errors import InputError
from ssrl_ecg.losses import patient_info_nce
from ssrl_ecg.methods.gather import gather_with_gradient
from ssrl_ecg.methods.method import Loss, Method, ViewBatch, ViewPlan
from ssrl_ecg.models import Encoder, ModuleConfig
from ssrl_ecg.models.config import require_between, require_whole

Across = Literal["cmsc", "cmlc", "cmsmlc"]


@dataclass(frozen=True, kw_only=True)
class CLOCSConfig(ModuleConfig):
    """Settings of CLOCS."""

    across: Across = "cmsc"
    """What views differ in: adjacent segments (cmsc, the paper's best), leads (cmlc), or both (cmsmlc)."""
    lead_groups: int = 2
    """Views that a segment's leads are dealt out to (>= 2; cmlc and cmsmlc); the paper has one view per lead."""
    temperature: float = 0.1
    """Divides cosine similarities, in [0.001, 100]; Kiyasseh et al. 2021."""
    projection_dim: int = 128
    """Dimensions in which views are compared (>= 1), one of the five embedding sizes of Kiyasseh et al. 2021."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        if self.across not in get_args(Across):
            expected = " | ".join(get_args(Across))
            raise InputError("unknown kind of CLOCS", field="across", expected=expected, found=self.across)
        require_whole("lead_groups", self.lead_groups, 2)
        require_between("temperature", self.temperature, 1e-3, 1e2)
        require_whole("projection_dim", self.projection_dim, 1)


class CLOCS(Method):
    """Encoder, one linear layer, and for every pair of views the InfoNCE whose positives are a patient's records.

    The paper's encoder reads one lead at a time. Wanted afterwards is one that reads all twelve, so leads become
    views by silence: each record's leads are dealt out at random to ``lead_groups`` views, evenly, and a view keeps its
    own and has the others set to 0 after normalisation, which is their mean. Both segments of cmsmlc are dealt alike.
    Where patients are unknown, every record is its own patient.

    Raises:
        InputError: more groups of leads than leads.
    """

    Config = CLOCSConfig
    config: CLOCSConfig

    def __init__(self, encoder: Encoder, config: CLOCSConfig) -> None:
        super().__init__(encoder, config)
        n_leads = encoder.config.n_leads
        if config.across != "cmsc" and config.lead_groups > n_leads:
            raise InputError("there are too few leads", field="lead_groups", expected=f"at most {n_leads}",
                             found=config.lead_groups)  # fmt: skip
        segments, groups = 1 if config.across == "cmlc" else 2, 1 if config.across == "cmsc" else config.lead_groups
        self.plan = ViewPlan(windows=segments, views_per_window=groups, adjacent=True)
        self.projector = nn.Linear(encoder.feature_dim, config.projection_dim)

    def loss(self, batch: ViewBatch, generator: torch.Generator) -> Loss:
        """Average ``pair_losses``; logs nothing else."""
        return Loss(value=self.pair_losses(batch, generator).mean())

    def pair_losses(self, batch: ViewBatch, generator: torch.Generator) -> Tensor:
        """Compute the loss of each pair of views: (pair,), in the order of ``itertools.combinations``."""
        views = self._silence(batch.views, generator)
        projections = self.projector(self.encoder(torch.cat(views))).chunk(len(views))
        gathered = [gather_with_gradient(projection) for projection in projections]
        patients = gather_with_gradient(batch.rows if batch.patients is None else batch.patients)
        return torch.stack(
            [patient_info_nce(a, b, patients, self.config.temperature) for a, b in combinations(gathered, 2)]
        )

    def _silence(self, views: tuple[Tensor, ...], generator: torch.Generator) -> tuple[Tensor, ...]:
        """Leave each view of a segment its own leads, those of one group."""
        n_groups = self.plan.views_per_window
        if n_groups == 1:
            return views
        groups = deal_leads(len(views[0]), views[0].shape[1], n_groups, generator).to(views[0].device)
        return tuple(view * (groups == number % n_groups).unsqueeze(-1) for number, view in enumerate(views))


def deal_leads(n_records: int, n_leads: int, n_groups: int, generator: torch.Generator) -> Tensor:
    """Deal out each record's leads at random to groups whose sizes differ by one lead at most.

    Returns:
        int64 (n_records, n_leads), the group of each lead, on the generator's device.
    """
    order = torch.rand(n_records, n_leads, generator=generator, device=generator.device).argsort(dim=1)
    return order % n_groups
