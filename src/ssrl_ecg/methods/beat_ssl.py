"""Beat-SSL: contrast records by their rhythm and beats by their shape, with targets that may be soft.

Rizqyawan, Macfarlane, Hadjidemetriou and Deligianni 2026, "Beat-SSL: Capturing Local ECG Morphology through
Heartbeat-level Contrastive Learning with Soft Targets" (arXiv 2601.16147). Two views of a window go through one
encoder. The rhythm projector takes the record's vector, the beat projector the feature map averaged around each R peak.
Targets are *hard* (the other view of the record; beats of the same class) or *soft*: similarities of features that were
measured beforehand, to the power of an exponent, and 1 for the other view of the same record or beat.

No code was released, and where what is public is silent the choices here are these:

- *soft_1* are shares of similarity in a cross-entropy (``losses.soft_contrastive``), *soft_2* values that the cosines
  themselves should take (``losses.similarity_regression``).
- Similarity of two records or beats is a Gaussian of the distance of their standardised features
  (``losses.feature_similarity``). Features of a record are ``RECORD_FEATURES``, those of a beat
  ``signals.beat_features.BEAT_FEATURES``.
- Classes of beats are clusters of shape, k-means fitted to the beats of the training records; no classifier, no label.
- Of a long window a few beats are drawn, for the pairs of beats grow with the square of their number.
- Both losses are added with weights; a weight of 0 leaves its branch out.

Views should turn the heart (3KG) and must keep time: R peaks are those of the recording.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from ssrl_ecg.errors import InputError
from ssrl_ecg.losses import feature_similarity, similarity_regression, soft_contrastive
from ssrl_ecg.methods.beat_pooling import pool_beats
from ssrl_ecg.methods.gather import gather_with_gradient
from ssrl_ecg.methods.measurements import TARGETS
from ssrl_ecg.methods.method import Loss, Method, Need, ViewBatch, ViewPlan
from ssrl_ecg.methods.projector import mlp
from ssrl_ecg.models import Encoder, ModuleConfig
from ssrl_ecg.models.config import require_between, require_whole

Target = Literal["hard", "soft_1", "soft_2"]

RECORD_FEATURES = (
    *("heart_rate_bpm", "rmssd_ms", "rr_irregularity", "ectopic_percent", "p_present_percent"),
    *("p_ms", "pr_ms", "qrs_ms", "qtc_fridericia_ms"),
    *("qrs_area_mv_ms_I", "qrs_area_mv_ms_aVF", "t_area_mv_ms_I", "t_area_mv_ms_aVF"),
    *("sokolow_lyon_mv", "cornell_mv", "st_j60_mv_V2", "st_j60_mv_V5", "t_mv_V2", "t_mv_V5"),
)
"""Measurements by which records are alike: rate and its variability, conduction and repolarisation, the frontal axes of
QRS and T (as net areas of I and aVF, for degrees wrap around), voltages, ST and T."""

_COLUMNS = [TARGETS.index(name) for name in RECORD_FEATURES]


@dataclass(frozen=True, kw_only=True)
class BeatSSLConfig(ModuleConfig):
    """Settings of Beat-SSL."""

    rhythm_target: Target = "soft_1"
    """Targets of the rhythm branch; the paper's best."""
    beat_target: Target = "hard"
    """Targets of the beat branch; the paper's best."""
    exponent: float = 50.0
    """Sharpens similarities, in [0.01, 100000]; the paper's best of 1 and 50."""
    rhythm_weight: float = 1.0
    """Weight of the rhythm branch's loss, in [0, 100]; 0 leaves the branch out."""
    beat_weight: float = 1.0
    """Weight of the beat branch's loss, in [0, 100]; 0 leaves the branch out."""
    temperature: float = 0.1
    """Divides cosine similarities, in [0.001, 100]; that of SimCLR here, the paper's is not public."""
    before_s: float = 0.25
    """Where a beat begins, in seconds before its R peak, in [0, 2]: a P wave's onset. Our choice."""
    after_s: float = 0.45
    """Where a beat ends, in seconds after its R peak, in [0.01, 2]: a T wave's end. Our choice."""
    beats_per_window: int = 4
    """Largest number of beats of a window that take part (>= 1); about as many as 2.5 s have. Our choice."""
    hidden_dim: int = 512
    """Hidden units of both projectors (>= 1); our choice: there are more beats than records, and with SimCLR's 2048 a
    step would cost 1.4 times its encoder's passes instead of 1.1."""
    projection_dim: int = 128
    """Dimensions in which records and beats are compared (>= 1); as in SimCLR."""

    n_targets: ClassVar[int] = len(TARGETS)

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        for name in ("rhythm_target", "beat_target"):
            if getattr(self, name) not in get_args(Target):
                expected = " or ".join(get_args(Target))
                raise InputError("unknown target", field=name, expected=expected, found=getattr(self, name))
        require_between("exponent", self.exponent, 1e-2, 1e5)
        require_between("rhythm_weight", self.rhythm_weight, 0.0, 100.0)
        require_between("beat_weight", self.beat_weight, 0.0, 100.0)
        if not self.rhythm_weight and not self.beat_weight:
            raise InputError("nothing to learn", field="rhythm_weight, beat_weight", expected="one above 0")
        require_between("temperature", self.temperature, 1e-3, 1e2)
        require_between("before_s", self.before_s, 0.0, 2.0)
        require_between("after_s", self.after_s, 0.01, 2.0)
        for name in ("beats_per_window", "hidden_dim", "projection_dim"):
            require_whole(name, getattr(self, name), 1)


class BeatSSL(Method):
    """Encoder, rhythm projector and beat projector (each linear, ReLU, linear).

    Neither projector has batch norm: a beat's vector depends on no other beat.
    """

    Config = BeatSSLConfig
    config: BeatSSLConfig
    needs: ClassVar[frozenset[Need]] = frozenset({"beats", "measurements", "rpeaks"})
    plan = ViewPlan(windows=1, views_per_window=2)

    def __init__(self, encoder: Encoder, config: BeatSSLConfig) -> None:
        super().__init__(encoder, config)
        sizes = (config.hidden_dim, config.projection_dim)
        with_rhythm, with_beats = config.rhythm_weight > 0, config.beat_weight > 0
        self.rhythm_projector = mlp(encoder.feature_dim, *sizes, batch_norm=False) if with_rhythm else None
        self.beat_projector = mlp(encoder.map_dim, *sizes, batch_norm=False) if with_beats else None

    def loss(self, batch: ViewBatch, generator: torch.Generator) -> Loss:
        """Add both branches over the batches of all processes; logs each.

        Both views go through the encoder as one batch, so batch norm sees one population.
        """
        features = self.encoder.feature_map(torch.cat(batch.views))
        terms = {}
        if self.rhythm_projector is not None:
            terms["rhythm"] = self.config.rhythm_weight * self._rhythm_loss(features, batch)
        if self.beat_projector is not None:
            terms["beat"] = self.config.beat_weight * self._beat_loss(features, batch, generator)
        value = torch.stack(list(terms.values())).sum()
        return Loss(value=value, logs={name: term.detach() for name, term in terms.items()})

    def beat_vectors(self, features: Tensor, rpeaks_s: Tensor, duration_s: float) -> Tensor:
        """Project the beats of a feature map.

        Args:
            features: (batch, map_dim, time') of the encoder.
            rpeaks_s: (batch, beat) seconds from the view's beginning, NaN where there is none.
            duration_s: length of the views.

        Returns:
            (batch, beat, projection_dim); meaningless where there is no beat.
        """
        assert self.beat_projector is not None
        span_s = -self.config.before_s, self.config.after_s
        projected: Tensor = self.beat_projector(pool_beats(features, rpeaks_s, duration_s, span_s))
        return projected

    def _rhythm_loss(self, features: Tensor, batch: ViewBatch) -> Tensor:
        assert self.rhythm_projector is not None
        assert batch.targets is not None
        z = gather_with_gradient(self.rhythm_projector(self.encoder.pool(features)))
        records = gather_with_gradient(batch.rows.repeat(2))
        known = gather_with_gradient(batch.targets[:, _COLUMNS].repeat(2, 1))
        return self._compared(self.config.rhythm_target, z, known, records, torch.full_like(records, -1))

    def _beat_loss(self, features: Tensor, batch: ViewBatch, generator: torch.Generator) -> Tensor:
        """Contrast the drawn beats of both views; every process brings as many places for beats, filled or not."""
        assert batch.rpeaks_s is not None
        assert batch.beat_classes is not None
        assert batch.beat_features is not None
        (rpeaks_s,), (classes,), (known,) = batch.rpeaks_s, batch.beat_classes, batch.beat_features
        drawn = _drawn_beats(rpeaks_s, self.config.beats_per_window, generator)
        rpeaks_s = _taken(rpeaks_s, drawn).masked_fill(drawn < 0, float("nan")).repeat(2, 1)
        duration_s = batch.views[0].shape[-1] / batch.sampling_rate_hz
        z = gather_with_gradient(self.beat_vectors(features, rpeaks_s, duration_s))
        is_beat = gather_with_gradient(rpeaks_s).isfinite()
        names = batch.rows[:, None] * drawn.shape[1] + torch.arange(drawn.shape[1], device=drawn.device)
        of_beats = _taken(known, drawn), names, _taken(classes, drawn)
        known, names, classes = (gather_with_gradient(torch.cat([one, one]))[is_beat] for one in of_beats)
        return self._compared(self.config.beat_target, z[is_beat], known, names, classes)

    def _compared(self, target: Target, z: Tensor, known: Tensor, names: Tensor, classes: Tensor) -> Tensor:
        """Compare projections (n, dim) with the target that follows from features, names and classes of the same n."""
        same = names[:, None] == names
        if target == "hard":
            alike = (same | ((classes[:, None] == classes) & (classes >= 0))).float()
        else:
            alike = feature_similarity(known, self.config.exponent).masked_fill(same, 1.0)
        loss = similarity_regression if target == "soft_2" else soft_contrastive
        return loss(z, alike, self.config.temperature)


def _taken(values: Tensor, columns: Tensor) -> Tensor:
    """Return (batch, column, ...) values (batch, beat, ...) at these columns; the first beat's for column -1."""
    rows = torch.arange(len(values), device=values.device)[:, None]
    return values[rows, columns.clamp(min=0)]


def _drawn_beats(rpeaks_s: Tensor, n_drawn: int, generator: torch.Generator) -> Tensor:
    """Return (batch, n_drawn) columns of beats, drawn without repetition, -1 where there are fewer."""
    n_beats = rpeaks_s.shape[1]
    order = torch.rand(rpeaks_s.shape, generator=generator, device=rpeaks_s.device)
    columns = order.masked_fill(rpeaks_s.isnan(), 2.0).argsort(dim=1)[:, :n_drawn]
    columns = columns.masked_fill(rpeaks_s.gather(1, columns).isnan(), -1)
    return F.pad(columns, (0, max(0, n_drawn - n_beats)), value=-1)
