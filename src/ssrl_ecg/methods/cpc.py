"""CPC: from what an ECG was so far, tell the stretch that comes next from other stretches of the same recording.

Van den Oord, Li and Vinyals 2018, "Representation Learning with Contrastive Predictive Coding"; for the ECG Mehari and
Strodthoff 2022. Here: every step up to the horizon is predicted, as in the paper of 2018 (Mehari and Strodthoff's code
trains the last alone), horizons are times rather than steps, and the loss is a mean over positions (theirs is a sum).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ssrl_ecg.errors import InputError
from ssrl_ecg.losses import draw_negatives, sequence_info_nce
from ssrl_ecg.methods.method import Loss, Method, ViewBatch, ViewPlan
from ssrl_ecg.models import ENCODERS, CPCEncoder, Encoder, ModuleConfig
from ssrl_ecg.models.config import require_between, require_whole


@dataclass(frozen=True, kw_only=True)
class CPCConfig(ModuleConfig):
    """Settings of CPC."""

    horizon_ms: float = 960.0
    """How far ahead the last prediction looks, in (0, 10000]; rounded to whole latents, at least one. About a beat, six
    latents of the strided front end; Mehari and Strodthoff's is 120, twelve of their fully connected one."""
    signal_rate_hz: float = 100.0
    """Samples per second of the signals, which turns the horizon into latents, in [1, 10000]; 100 as theirs."""
    n_negatives: int = 128
    """Other steps of the sequence that each prediction is compared with (>= 1), or all there are; theirs."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require_between("horizon_ms", self.horizon_ms, 1e-3, 1e4)
        require_between("signal_rate_hz", self.signal_rate_hz, 1.0, 1e4)
        require_whole("n_negatives", self.n_negatives, 1)


class CPC(Method):
    """One linear map W_k per step k = 1 ... K ahead: W_k c_t should be nearest to latent z_(t + k) of its sequence.

    One view of each record, no other record takes part. K is the horizon in latents of the encoder.

    Raises:
        InputError: an encoder without latents and a context that only looks back.
    """

    Config = CPCConfig
    config: CPCConfig
    plan = ViewPlan(windows=1)
    encoder: CPCEncoder

    def __init__(self, encoder: Encoder, config: CPCConfig) -> None:
        super().__init__(encoder, config)
        if not isinstance(encoder, CPCEncoder):
            fitting = " | ".join(name for name, kind in ENCODERS.items() if issubclass(kind, CPCEncoder))
            raise InputError("CPC needs an encoder with latents and a causal context", field="encoder",
                             expected=fitting, found=type(encoder).__name__)  # fmt: skip
        hops_per_s = config.signal_rate_hz / encoder.hop_samples
        self.n_ahead = max(1, round(config.horizon_ms / 1000 * hops_per_s))
        n_latents, n_contexts = encoder.layer_dims
        self.predictors = nn.ModuleList(nn.Linear(n_contexts, n_latents, bias=False) for _ in range(self.n_ahead))

    def loss(self, batch: ViewBatch, generator: torch.Generator) -> Loss:
        """Average the cross-entropy over records and positions, then over the steps ahead.

        Logs ``next_loss`` and ``horizon_loss``, those of the nearest and of the farthest step.

        Raises:
            InputError: views of another rate than the horizon was computed for, or too short for the horizon.
        """
        latents, contexts = (layer.transpose(1, 2) for layer in self.encoder.layer_maps(batch.views[0]))
        if len(batch.views) > 1:  # a control that asks for another record's future
            latents = self.encoder.layer_maps(batch.views[-1])[0].transpose(1, 2)
        self._check(batch.sampling_rate_hz, latents.shape[1])
        losses = [
            self._step_loss(predictor, ahead, latents, contexts, generator)
            for ahead, predictor in enumerate(self.predictors, start=1)
        ]
        logs = {"next_loss": losses[0].detach(), "horizon_loss": losses[-1].detach()}
        return Loss(value=torch.stack(losses).mean(), logs=logs)

    def _step_loss(
        self, predictor: nn.Module, ahead: int, latents: Tensor, contexts: Tensor, generator: torch.Generator
    ) -> Tensor:
        n_records, n_steps, _ = latents.shape
        positives = torch.arange(ahead, n_steps, device=latents.device).expand(n_records, -1)
        negatives = draw_negatives(positives, n_steps, self.config.n_negatives, generator)
        return sequence_info_nce(predictor(contexts[:, :-ahead]), latents, positives, negatives).mean()

    def _check(self, sampling_rate_hz: float, n_steps: int) -> None:
        own_hz = self.config.signal_rate_hz
        if sampling_rate_hz != own_hz:
            raise InputError("CPC was set up for another sampling rate", field="signal_rate_hz",
                             expected=f"{sampling_rate_hz:g} Hz as the signals", found=f"{own_hz:g} Hz")  # fmt: skip
        if n_steps <= self.n_ahead:
            hop_ms = 1000 * self.encoder.hop_samples / own_hz
            longest = f"at most {(n_steps - 1) * hop_ms:g} ms"
            raise InputError("the horizon reaches beyond the window", field="horizon_ms",
                             expected=longest, found=f"{self.n_ahead * hop_ms:g} ms")  # fmt: skip
