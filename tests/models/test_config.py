from __future__ import annotations

import json

import pytest

from ssrl_ecg.errors import InputError
from ssrl_ecg.models import CNNConfig, EncoderConfig, MLPHeadConfig


def test_round_trip_through_json():
    config = MLPHeadConfig(hidden=7, dropout=0.1)
    assert MLPHeadConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_missing_keys_take_their_defaults():
    assert CNNConfig.from_dict({"width": 16}) == CNNConfig(n_leads=12, width=16)


def test_an_unknown_key_is_refused_by_name():
    with pytest.raises(InputError, match="kernel"):
        CNNConfig.from_dict({"kernel": 3})


@pytest.mark.parametrize("values", [{"width": 0}, {"n_leads": -1}, {"width": 2.5}, {"width": "64"}])
def test_encoder_sizes_out_of_range_are_refused(values):
    with pytest.raises(InputError, match=next(iter(values))):
        EncoderConfig.from_dict(values)


@pytest.mark.parametrize("dropout", [-0.1, 1.1, float("nan"), "0.5"])
def test_dropout_out_of_range_is_refused(dropout):
    with pytest.raises(InputError, match="dropout"):
        MLPHeadConfig(dropout=dropout)
