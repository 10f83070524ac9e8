"""Pretrains without batch norm on the given number of processes; Lightning starts this script again for the second.

Usage: distributed_script.py STORE OUT DEVICES BATCH_SIZE. Rank r writes OUT/r.npz: weights, and the rows of every step.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import torch

from ssrl_ecg.augmentations.recipes import none
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.methods import SimCLR, SimCLRConfig
from ssrl_ecg.models import Encoder, EncoderConfig
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.loop import Compute
from ssrl_ecg.training.pretrain import PretrainConfig, pretrain


class SmoothEncoder(Encoder):
    """No batch norm: its statistics are each process's own."""

    Config = EncoderConfig
    minimum_samples = 4

    def __init__(self, config):
        super().__init__(config)
        self.layer_dims = (config.width,)
        self.convolution = torch.nn.Conv1d(config.n_leads, config.width, 9, padding=4)

    def _layers(self, signal):
        return [torch.tanh(self.convolution(signal))]


class Recording(SimCLR):
    rows: list[list[int]]

    def loss(self, batch, generator):
        self.rows.append(batch.rows.tolist())
        return super().loss(batch, generator)


def main(store_folder: str, out: str, devices: int, batch_size: int) -> None:
    torch.set_num_threads(1)
    store = RecordStore.open(store_folder)
    method = None

    def make_method():
        nonlocal method
        method = Recording(SmoothEncoder(EncoderConfig(width=5)), SimCLRConfig(hidden_dim=7, projection_dim=4))
        method.rows = []
        return method

    result = pretrain(
        make_method,
        store,
        np.arange(len(store)),
        preprocessing=Preprocessing(window_s=2.56, normalisation="record"),
        recipe=none(),
        config=PretrainConfig(epochs=2, batch_size=batch_size, learning_rate=1e-3),
        compute=Compute(accelerator="cpu", devices=devices, strategy="ddp" if devices > 1 else "auto"),
        folder=Path(out) / "run",
        progress=False,
    )
    rank = int(os.environ.get("LOCAL_RANK", "0"))
    weights = {name: value.detach().numpy() for name, value in method.state_dict().items()}
    np.savez(
        Path(out) / f"{rank}.npz", rows=np.array(method.rows), losses=[r["loss"] for r in result.history], **weights
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
