from __future__ import annotations

import torch

from ssrl_ecg.augmentations.lead_subset import LeadSubset, LeadSubsetConfig


def kept_leads(config, n_leads=12, n_records=4000):
    signal = torch.ones(n_records, n_leads, 3)
    return LeadSubset(config)(signal, 100.0, torch.Generator().manual_seed(3))[..., 0] == 1


def test_whole_leads_are_kept_or_silenced(batch, generator):
    subset = LeadSubset(LeadSubsetConfig())
    drawn = subset.draw(batch, 100.0, generator)
    expected = batch.numpy().copy()
    expected[drawn["silent"].numpy()] = 0
    assert (subset.apply(batch, drawn, 100.0).numpy() == expected).all()


def test_sizes_are_uniform_and_so_are_the_sets_of_a_size():
    kept = kept_leads(LeadSubsetConfig())
    counts = torch.bincount(kept.sum(dim=1), minlength=13)
    assert counts[0] == counts[7:].sum() == 0
    assert (counts[1:7] > 570).all()
    share = kept.float().mean(dim=0)
    assert (share - 3.5 / 12).abs().max() < 0.03
    pairs = kept_leads(LeadSubsetConfig(kept_leads=(2, 2)), n_leads=4).int() @ torch.tensor(
        [1, 2, 4, 8], dtype=torch.int32
    )
    assert (torch.bincount(pairs)[[3, 5, 6, 9, 10, 12]] > 570).all()


def test_one_lead_at_least_goes():
    assert (kept_leads(LeadSubsetConfig(kept_leads=(5, 12)), n_leads=3).sum(dim=1) == 2).all()
