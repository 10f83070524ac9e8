"""The encoder as a step of a scikit-learn pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_array, check_is_fitted

from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.training.checkpoint import load_encoder
from ssrl_ecg.training.windows import over_windows
from ssrl_ecg.weights import packaged_classifier


class ECGEncoderTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turns recordings into feature vectors of a pretrained encoder, which stays as it is.

    Recordings come as an array (record, lead, time), or flattened to (record, lead * time), as scikit-learn's tools
    that know tables alone want them. Nothing is learned from them; ``fit`` reads the checkpoint and checks the input.

    Args:
        checkpoint: of an encoder or a classifier; None: the classifier that comes with the package.
        sampling_rate_hz: of the recordings; None: the encoder's own.
        leads: their leads, in order.
        unit: "mV", "uV" or "V".
        batch_size: records that are encoded at a time, at least 1.

    Attributes:
        checkpoint_: the encoder and its preprocessing.
        n_features_in_: values per recording, lead * time.
    """

    def __init__(
        self,
        checkpoint: str | Path | None = None,
        *,
        sampling_rate_hz: float | None = None,
        leads: tuple[str, ...] = LEADS,
        unit: Literal["mV", "uV", "V"] = "mV",
        batch_size: int = 64,
    ) -> None:
        self.checkpoint = checkpoint
        self.sampling_rate_hz = sampling_rate_hz
        self.leads = leads
        self.unit = unit
        self.batch_size = batch_size

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: N803 (scikit-learn's name)
        """Read the checkpoint and check that recordings of this form can be encoded.

        Args:
            X: (record, lead, time) or (record, lead * time).
            y: not used.

        Raises:
            InputError: no such checkpoint, or recordings that cannot be encoded.
        """
        signals = self._recordings(X)
        if self.batch_size < 1:
            raise InputError("no such batch", field="batch_size", expected="at least 1", found=self.batch_size)
        self.n_features_in_ = int(np.prod(signals.shape[1:]))
        self.checkpoint_ = load_encoder(self.checkpoint if self.checkpoint is not None else packaged_classifier())
        self._n_features_out = self.checkpoint_.encoder.feature_dim
        self._prepared(signals[:1])
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:  # noqa: N803
        """Encode recordings.

        Args:
            X: as in ``fit``, of the same number of values per recording.

        Returns:
            (record, feature), averaged over each recording's windows.

        Raises:
            InputError: recordings that cannot be encoded.
        """
        check_is_fitted(self, "checkpoint_")
        signals = self._recordings(X)
        n_values = int(np.prod(signals.shape[1:]))
        if n_values != self.n_features_in_:
            raise InputError("recordings of another form", expected=self.n_features_in_, found=n_values)
        chunks = [signals[start : start + self.batch_size] for start in range(0, len(signals), self.batch_size)]
        encoder, preprocessing = self.checkpoint_.encoder, self.checkpoint_.preprocessing
        with torch.inference_mode():
            parts = [over_windows(encoder, torch.from_numpy(self._prepared(chunk)), preprocessing) for chunk in chunks]
        return np.asarray(torch.cat(parts).numpy())

    def _recordings(self, given: ArrayLike) -> NDArray[Any]:
        """Check that they are finite numbers, and return (record, lead, time)."""
        signals: NDArray[Any] = check_array(given, allow_nd=True, dtype="numeric", estimator=self)
        n_leads = len(self.leads)
        if signals.ndim == 2 and signals.shape[1] % n_leads == 0:
            signals = signals.reshape(len(signals), n_leads, -1)
        if signals.ndim != 3 or signals.shape[1] != n_leads:
            expected = f"(record, {n_leads}, time) or (record, {n_leads} * time)"
            raise InputError("not recordings of these leads", field="X", expected=expected, found=signals.shape)
        return signals

    def _prepared(self, signals: NDArray[Any]) -> NDArray[np.float32]:
        preprocessing = self.checkpoint_.preprocessing
        rate_hz = self.sampling_rate_hz or preprocessing.sampling_rate_hz
        return np.stack(
            [
                preprocessing.prepare(signal, sampling_rate_hz=rate_hz, leads=self.leads, unit=self.unit)
                for signal in signals
            ]
        )

    def __sklearn_tags__(self) -> Tags:
        """Say that input is three-dimensional, or a table that is as wide as a recording is long."""
        tags: Tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.two_d_array = False
        tags.requires_fit = True
        return tags
