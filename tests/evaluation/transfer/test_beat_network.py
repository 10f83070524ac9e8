from __future__ import annotations

import numpy as np
import pytest
import torch

from ssrl_ecg.data.mitbih import MITBIH
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.transfer.beat_network import (
    BeatNetwork,
    BeatTraining,
    LeadAdapter,
    beat_log_probabilities,
    train_beat_network,
)
from ssrl_ecg.evaluation.transfer.holter import HolterBeats, read_holter_record
from ssrl_ecg.evaluation.transfer.readout import beat_features
from ssrl_ecg.training.checkpoint import load_encoder
from ssrl_ecg.training.embed import module_hash


@pytest.fixture
def start(encoder_file):
    return load_encoder(encoder_file)


@pytest.fixture
def beats(mitbih, start):
    records = [read_holter_record(MITBIH(mitbih), name, start.preprocessing) for name in ("101", "106")]
    return HolterBeats.of(records, start.preprocessing)


def test_the_adapter_starts_as_the_identity_and_mixes_leads_linearly(generator):
    adapter, signal = LeadAdapter(12), torch.randn((3, 12, 20), generator=generator)
    torch.testing.assert_close(adapter(signal), signal)
    with torch.no_grad():
        adapter.mix[2, 1], adapter.mix[2, 2] = 0.5, 0.0
    torch.testing.assert_close(adapter(signal)[:, 2], 0.5 * signal[:, 1])


def test_the_head_reads_the_beat_its_difference_from_the_usual_one_and_facts(start, generator):
    network = BeatNetwork(start.encoder, 1.28, torch.randn((5, 3), generator=generator)).eval()
    beat, usual = torch.randn((4, 12, 128), generator=generator), torch.randn((2, 12, 128), generator=generator)
    record, facts = torch.tensor([0, 1, 1, 0]), torch.randn((4, 3), generator=generator)
    own, reference = (beat_features(start.encoder, one, 1.28) for one in (beat, usual))
    reference = reference[record]
    joined = network.features(torch.cat([own, own - reference, (own - reference).abs()], dim=1))
    expected = network.head(torch.cat([joined, (facts - network.mean) / network.scale], dim=1))
    torch.testing.assert_close(network(beat, usual, record, facts), expected)


def test_training_moves_adapter_and_encoder_of_a_copy_and_replays(beats, start):
    before, known = module_hash(start.encoder), np.flatnonzero(beats.classes < 4)
    training, facts = BeatTraining(steps=3, batch_size=12), beats.rr
    first, again = (train_beat_network(start.encoder, beats, facts, known, training, seed=1) for _ in range(2))
    other = train_beat_network(start.encoder, beats, facts, known, training, seed=2)
    assert module_hash(start.encoder) == before
    assert module_hash(first) == module_hash(again) != module_hash(other)
    assert not torch.equal(first.adapter.mix, torch.eye(12))
    assert module_hash(first.encoder) != before


def test_log_probabilities_do_not_depend_on_batches_and_need_no_beat(beats, start):
    facts = beats.rr[:, :0]
    network = BeatNetwork(start.encoder, 1.28, torch.from_numpy(facts)).eval()
    rows = np.array([7, 0, 30, 12])
    found = beat_log_probabilities(network, beats, facts, rows)
    np.testing.assert_allclose(np.exp(found).sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(beat_log_probabilities(network, beats, facts, rows, batch_size=1), found, atol=1e-5)
    assert beat_log_probabilities(network, beats, facts, rows[:0]).shape == (0, 4)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"learning_rate": -1.0}, {"shift_s": float("nan")}])
def test_values_out_of_range_are_refused(wrong):
    with pytest.raises(InputError):
        BeatTraining(**wrong)
