"""Repeated random sub-sampling: train, validation and test drawn anew for every seed, patients kept whole.

The protocol of KU's Contrastive-ECG, for any collection, with or without folds of its own: 70 % of the records train,
15 % validate and 15 % test, and of a patient with several records one alone is validated or tested on. There the draw
is stratified by each patient's commonest label; here over all labels (``stratified_folds``).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.splits import Split, stratified_folds
from ssrl_ecg.errors import InputError

N_SLICES = 20
TRAINING_SLICES, VALIDATION_SLICES = 14, 3
"""Of the twenty slices a draw is made of: 70 % and 15 %; the rest tests."""


def subsampling_split(labels: Labels, patients: ArrayLike, seed: int) -> Split:
    """Draw one split.

    Args:
        labels: targets of every row; they are drawn in equal shares. A row whose label is not known is drawn as well:
            it can be pretrained on.
        patients: patient of every row.
        seed: which draw.

    Raises:
        InputError: fewer patients than slices.
    """
    owners = np.asarray(patients)
    if len(np.unique(owners)) < N_SLICES:
        found = len(np.unique(owners))
        raise InputError("too few patients to draw 70/15/15 %", expected=f"at least {N_SLICES}", found=found)
    traits = np.column_stack([labels.values * labels.known[:, None], ~labels.known]).astype(np.uint8)
    slices = stratified_folds(traits, owners, N_SLICES, seed)
    rng = np.random.default_rng(seed)
    # Slices are alike in their shares, but a rare kind of patient tends to come early in any stratified order.
    training, validation, test = np.split(
        rng.permutation(N_SLICES) + 1, np.cumsum([TRAINING_SLICES, VALIDATION_SLICES])
    )
    shuffled = rng.permutation(len(owners))  # of a patient who is held out, the first record in this order is kept
    kept = shuffled[np.unique(owners[shuffled], return_index=True)[1]]
    return Split(
        np.flatnonzero(np.isin(slices, training)),
        *(np.sort(kept[np.isin(slices[kept], part)]) for part in (validation, test)),
    )
