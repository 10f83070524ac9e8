from __future__ import annotations

from itertools import combinations

import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.losses import poly_window_loss
from ssrl_ecg.methods import PolyWindow, PolyWindowConfig, ViewBatch
from ssrl_ecg.models import CNNConfig, ECGEncoder1DCNN


@pytest.mark.parametrize("n_windows", [2, 5])
def test_asks_for_its_windows_and_contrasts_them_all(n_windows, generator):
    torch.manual_seed(0)
    config = PolyWindowConfig(hidden_dim=16, projection_dim=8, temperature=0.3, n_windows=n_windows)
    method = PolyWindow(ECGEncoder1DCNN(CNNConfig(width=2)), config).train()
    assert (method.plan.windows, method.plan.views_per_window, method.plan.adjacent) == (n_windows, 1, False)
    views = tuple(torch.randn(4, 12, 64, generator=generator) for _ in range(n_windows))
    loss = method.loss(ViewBatch(views=views, rows=torch.arange(4), sampling_rate_hz=100.0), generator)
    z = method.projector(method.encoder(torch.cat(views))).view(n_windows, 4, 8)
    torch.testing.assert_close(loss.value, poly_window_loss(z, 0.3))
    cosines = [torch.cosine_similarity(z[a], z[b]).mean() for a, b in combinations(range(n_windows), 2)]
    torch.testing.assert_close(loss.logs["alignment"], torch.stack(cosines).mean().detach())


@pytest.mark.parametrize("values", [{"n_windows": 1}, {"temperature": 0.0}, {"projection_dim": 1.5}])
def test_settings_out_of_range_are_refused(values):
    with pytest.raises(InputError, match=next(iter(values))):
        PolyWindowConfig(**values)
