from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.losses import patient_info_nce
from ssrl_ecg.methods import CLOCS, CLOCSConfig, ViewBatch, ViewPlan
from ssrl_ecg.methods.clocs import deal_leads
from ssrl_ecg.models import CNNConfig, ECGEncoder1DCNN

N_VIEWS = {"cmsc": 2, "cmlc": 3, "cmsmlc": 6}


def build(across: str = "cmsc", **settings) -> CLOCS:
    torch.manual_seed(0)
    encoder = ECGEncoder1DCNN(CNNConfig(width=2))
    return CLOCS(encoder, CLOCSConfig(across=across, projection_dim=4, **{"lead_groups": 3} | settings)).eval()


def make_batch(n_views: int, patients: list[int] | None = None) -> ViewBatch:
    generator = torch.Generator().manual_seed(1)
    views = tuple(torch.randn(6, 12, 64, generator=generator) for _ in range(n_views))
    known = None if patients is None else torch.tensor(patients)
    return ViewBatch(views=views, rows=torch.arange(6), sampling_rate_hz=100.0, patients=known)


@pytest.mark.parametrize(
    ("across", "plan"),
    [
        ("cmsc", ViewPlan(windows=2, views_per_window=1, adjacent=True)),
        ("cmlc", ViewPlan(windows=1, views_per_window=3, adjacent=True)),
        ("cmsmlc", ViewPlan(windows=2, views_per_window=3, adjacent=True)),
    ],
)
def test_plans(across, plan):
    assert build(across).plan == plan
    assert plan.n_views == N_VIEWS[across]


@pytest.mark.parametrize("across", N_VIEWS)
def test_every_pair_of_views_alone_has_a_gradient_and_all_count_alike(across, generator):
    method, batch = build(across), make_batch(N_VIEWS[across], [0, 0, 1, 2, 2, 2])
    losses = method.pair_losses(batch, generator)
    assert len(losses) == N_VIEWS[across] * (N_VIEWS[across] - 1) // 2
    for pair in losses:
        method.zero_grad()
        pair.backward(retain_graph=True)
        assert all(parameter.grad.abs().sum() > 0 for parameter in method.encoder.parameters())
    expected = torch.stack(list(losses)).mean()
    torch.testing.assert_close(method.loss(batch, torch.Generator().manual_seed(0)).value, expected)


@pytest.mark.parametrize("across", N_VIEWS)
def test_loss_by_hand(across):
    method, batch = build(across), make_batch(N_VIEWS[across], [0, 0, 1, 2, 2, 2])
    views = method._silence(batch.views, torch.Generator().manual_seed(3))
    z = [method.projector(method.encoder(view)) for view in views]
    terms = [patient_info_nce(a, b, batch.patients, 0.1) for a, b in combinations(z, 2)]
    found = method.loss(batch, torch.Generator().manual_seed(3)).value
    torch.testing.assert_close(found, sum(terms) / len(terms))


@pytest.mark.parametrize("across", ["cmlc", "cmsmlc"])
def test_the_views_of_a_segment_share_out_its_leads(across, generator):
    method, batch = build(across, lead_groups=3), make_batch(N_VIEWS[across])
    silenced = method._silence(batch.views, generator)
    heard = torch.stack([view.abs().sum(dim=2) > 0 for view in silenced])
    for segment in heard.split(3):
        assert (segment.sum(dim=0) == 1).all()
        assert (segment.sum(dim=2) == 4).all()
        assert torch.equal(segment, heard[:3])
    for view, whole, leads in zip(silenced, batch.views, heard, strict=True):
        assert torch.equal(view[leads], whole[leads])


def test_segments_keep_their_leads():
    views = make_batch(2).views
    assert build()._silence(views, torch.Generator()) is views


def test_leads_are_dealt_evenly_and_at_random(generator):
    groups = deal_leads(3000, 12, 5, generator)
    counts = torch.stack([(groups == number).sum(dim=1) for number in range(5)])
    assert ((counts == 2) | (counts == 3)).all()
    together = (groups[:, 0] == groups[:, 1]).double().mean()
    same = (2 * 3 * 2 + 3 * 2 * 1) / (12 * 11)  # pairs within two groups of three and three of two
    assert abs(together - same) < 4 * (same * (1 - same) / 3000) ** 0.5


def test_patients_decide_positives_and_unknown_ones_are_strangers(generator):
    method, batch = build().train(), make_batch(2, [0, 0, 1, 2, 2, 2])
    known = method.loss(batch, generator).value
    unknown = method.loss(replace(batch, patients=None), generator).value
    torch.testing.assert_close(unknown, method.loss(replace(batch, patients=torch.arange(6)), generator).value)
    assert (known - unknown).abs() > 1e-3


@pytest.mark.parametrize(
    "values", [{"across": "cmxc"}, {"lead_groups": 1}, {"temperature": 0.0}, {"projection_dim": 0}]
)
def test_settings_out_of_range_are_refused(values):
    with pytest.raises(InputError, match=next(iter(values))):
        CLOCSConfig(**values)


def test_more_groups_than_leads_are_refused():
    with pytest.raises(InputError, match=r"lead_groups.*at most 12.*13"):
        build("cmlc", lead_groups=13)
    assert build("cmsc", lead_groups=13).plan.n_views == 2
