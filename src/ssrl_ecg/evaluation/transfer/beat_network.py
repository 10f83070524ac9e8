"""An encoder of twelve leads as a classifier of beats in two: lead adapter, encoder, linear head, trained together."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ssrl_ecg.evaluation.transfer.crossfit import TAUGHT_CLASSES, Rows
from ssrl_ecg.evaluation.transfer.holter import HolterBeats
from ssrl_ecg.evaluation.transfer.readout import N_SIDES, beat_feature_dim, beat_features, beside_usual
from ssrl_ecg.metrics.inputs import FloatArray
from ssrl_ecg.models.config import require_between, require_whole
from ssrl_ecg.models.encoder import Encoder
from ssrl_ecg.training.embed import eval_mode
from ssrl_ecg.training.loop import parameter_groups, step_generator, stream_seed, warmup_cosine

_DROPOUT = 0.3
"""Share of the features that the head does without at each training step."""


@dataclass(frozen=True, kw_only=True)
class BeatTraining:
    """How a network is trained on beats; chosen on DS1 (``results/trials/mitbih.json``)."""

    steps: int = 600
    """Optimiser steps."""
    batch_size: int = 64
    """Beats per step."""
    learning_rate: float = 1e-3
    """AdamW's peak rate; a tenth of the steps warm up, a cosine to zero follows."""
    weight_decay: float = 0.1
    """AdamW's decoupled decay of matrices and kernels."""
    gain_sd: float = 0.2
    """SD of the logarithm of the factor that a beat's voltages are multiplied by in training."""
    shift_s: float = 0.03
    """Largest shift of a beat in training, either way: marks of beats are not placed more exactly."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        for name in ("steps", "batch_size"):
            require_whole(name, getattr(self, name), 1)
        for name in ("learning_rate", "weight_decay", "gain_sd", "shift_s"):
            require_between(name, getattr(self, name), 0.0, 1e9)


class LeadAdapter(nn.Module):
    """A learnable linear map between leads, (batch, lead, time) -> (batch, lead, time), at first the identity.

    Of a recording with two leads at their places and zeros elsewhere, it makes every lead a weighted sum of the two
    that depends on which two they are.
    """

    def __init__(self, n_leads: int) -> None:
        super().__init__()
        self.mix = nn.Parameter(torch.eye(n_leads))

    def forward(self, signal: Tensor) -> Tensor:
        """Mix the leads."""
        return torch.einsum("ij,bjt->bit", self.mix, signal)


class BeatNetwork(nn.Module):
    """Beat, the usual beat of its record, and facts -> logits (batch, taught class).

    Adapter and encoder read both beats; the head is given the beat's features, how they differ from the
    usual beat's (``beside_usual``), and the facts.

    Args:
        encoder: of any number of leads.
        window_s: length of the windows.
        facts: (beat, fact) of training beats, for mean and scale; possibly no fact.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, encoder: Encoder, window_s: float, facts: Tensor) -> None:
        super().__init__()
        self.adapter, self.encoder, self._window_s = LeadAdapter(encoder.config.n_leads), encoder, window_s
        mean = facts.mean(dim=0)
        self.register_buffer("mean", mean)
        self.register_buffer("scale", (facts - mean).square().mean(dim=0).sqrt().clamp_min(1e-6))
        n_features = N_SIDES * beat_feature_dim(encoder)
        self.features = nn.Sequential(nn.BatchNorm1d(n_features), nn.Dropout(_DROPOUT))
        self.head = nn.Linear(n_features + facts.shape[1], len(TAUGHT_CLASSES))

    def forward(self, beat: Tensor, usual: Tensor, record: Tensor, facts: Tensor) -> Tensor:
        """Compute logits.

        Args:
            beat: normalised windows (batch, lead, time).
            usual: normalised usual beats (record, lead, time).
            record: (batch,) whose usual beat is each beat's.
            facts: (batch, fact).
        """
        both = beat_features(self.encoder, self.adapter(torch.cat([beat, usual])), self._window_s)
        features = self.features(beside_usual(both[: len(beat)], both[len(beat) :][record]))
        logits: Tensor = self.head(torch.cat([features, (facts - self.mean) / self.scale], dim=1))
        return logits

    def groups(self, training: BeatTraining) -> list[dict[str, object]]:
        """AdamW's groups; the adapter starts at the identity and is not drawn towards zero."""
        modules = [(self.encoder, 1.0), (self.features, 1.0), (self.head, 1.0)]
        decayed = parameter_groups(modules, training.learning_rate, training.weight_decay)
        return [*decayed, {"params": [self.adapter.mix], "lr": training.learning_rate, "weight_decay": 0.0}]


def train_beat_network(
    encoder: Encoder, beats: HolterBeats, facts: NDArray[np.float32], known: Rows, training: BeatTraining, seed: int
) -> BeatNetwork:
    """Train adapter, encoder and head on some beats, classes drawn by the square root of their frequency.

    Args:
        encoder: where it starts; a copy is trained.
        beats: the recordings.
        facts: (beat, fact) of all beats.
        known: rows to learn from, of taught classes.
        training: schedule and augmentation.
        seed: of the head, the order of beats and the augmentation.

    Returns:
        The network, in eval mode.
    """
    with torch.random.fork_rng(devices=[]):  # initial weights and dropout
        torch.manual_seed(stream_seed(seed, "initialisation"))
        network = BeatNetwork(copy.deepcopy(encoder), beats.preprocessing.window_s, torch.from_numpy(facts[known]))
        _train(network.train(), beats, facts, known, training, seed)
    return network.eval()


def _train(
    network: BeatNetwork, beats: HolterBeats, facts: NDArray[np.float32], known: Rows, training: BeatTraining, seed: int
) -> None:
    of_class = [known[beats.classes[known] == one] for one in np.unique(beats.classes[known])]
    usual_mv = torch.from_numpy(beats.usual_mv)
    optimiser = torch.optim.AdamW(network.groups(training))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, warmup_cosine(training.steps, training.steps // 10))
    for step in range(training.steps):
        generator = step_generator(seed, step)
        rows = _draw(of_class, training.batch_size, generator)
        records, record = np.unique(beats.record[rows], return_inverse=True)
        own = torch.from_numpy(record)
        signal_mv, reference_mv = _augmented(beats, rows, usual_mv[records], own, training, generator)
        normalise = beats.preprocessing.normalise
        logits = network(
            normalise(signal_mv), normalise(reference_mv), torch.from_numpy(record), torch.from_numpy(facts[rows])
        )
        optimiser.zero_grad()
        torch.autograd.backward(F.cross_entropy(logits, torch.from_numpy(beats.classes[rows].astype(np.int64))))
        optimiser.step()
        schedule.step()


def _draw(of_class: list[Rows], batch_size: int, generator: torch.Generator) -> Rows:
    """Draw beats with replacement: first a class, by the square root of its frequency, then one of its beats."""
    weights = torch.tensor([float(len(rows)) for rows in of_class]).sqrt()
    choice = torch.multinomial(weights, batch_size, replacement=True, generator=generator).tolist()
    place = torch.rand(batch_size, generator=generator).tolist()
    return np.array([of_class[one][int(at * len(of_class[one]))] for one, at in zip(choice, place, strict=True)])


def _augmented(
    beats: HolterBeats,
    rows: Rows,
    usual_mv: Tensor,
    record: Tensor,
    training: BeatTraining,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Windows of beats, shifted a little and louder or softer; and the usual beats with the same gain."""
    reach = round(training.shift_s * beats.preprocessing.sampling_rate_hz)
    shifts = torch.randint(-reach, reach + 1, (len(rows),), generator=generator).numpy()
    gain = torch.exp(training.gain_sd * torch.randn(len(usual_mv), generator=generator))[:, None, None]
    signal_mv = torch.from_numpy(beats.windows_mv(rows, shifts))
    return signal_mv * gain[record], usual_mv * gain


@torch.no_grad()
def beat_log_probabilities(
    network: BeatNetwork,
    beats: HolterBeats,
    facts: NDArray[np.float32],
    wanted: Rows,
    *,
    batch_size: int = 512,
) -> FloatArray:
    """Log probabilities (wanted, taught class) of beats.

    Args:
        network: in eval mode while it runs.
        beats: the recordings.
        facts: (beat, fact) of all beats.
        wanted: rows to score.
        batch_size: beats at a time.
    """
    normalise, parts = beats.preprocessing.normalise, []
    usual = normalise(torch.from_numpy(beats.usual_mv))
    with eval_mode(network):
        for start in range(0, len(wanted), batch_size):
            rows = wanted[start : start + batch_size]
            records, record = np.unique(beats.record[rows], return_inverse=True)
            signal = normalise(torch.from_numpy(beats.windows_mv(rows)))
            logits = network(signal, usual[records], torch.from_numpy(record), torch.from_numpy(facts[rows]))
            parts.append(F.log_softmax(logits, dim=1).double().numpy())
    return np.concatenate(parts) if parts else np.empty((0, len(TAUGHT_CLASSES)))
