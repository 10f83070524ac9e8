from __future__ import annotations

import math

import torch

from ssrl_ecg.augmentations.lead_dropout import LeadDropout, LeadDropoutConfig


def silent_leads(fraction, n_records=4000, n_leads=12):
    signal = torch.ones(n_records, n_leads, 5)
    dropout = LeadDropout(LeadDropoutConfig(lead_fraction=fraction))
    return dropout(signal, 100.0, torch.Generator().manual_seed(3)) == 0


def test_whole_leads_are_silenced_and_the_others_kept(batch, generator):
    dropout = LeadDropout(LeadDropoutConfig())
    drawn = dropout.draw(batch, 100.0, generator)
    expected = batch.numpy().copy()
    for row in range(len(batch)):
        for lead in range(batch.shape[1]):
            if drawn["silent"][row, lead]:
                expected[row, lead] = 0
    assert (dropout.apply(batch, drawn, 100.0).numpy() == expected).all()
    assert drawn["silent"].any()


def test_each_lead_has_the_documented_chance():
    share = silent_leads(0.3)[..., 0].float().mean(dim=0)
    at_least_one = 0.7**12 / 12
    assert (share - 0.3 - at_least_one).abs().max() < 4 * math.sqrt(0.3 * 0.7 / 4000)


def test_one_lead_at_least_goes_and_one_stays():
    silent = silent_leads(0.9, n_leads=2)[..., 0]
    assert (silent.sum(dim=1) == 1).all()
    assert 0.47 < silent[:, 0].float().mean() < 0.53
