from __future__ import annotations

import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.models import HEADS, Classifier, CNNConfig, ECGEncoder1DCNN, LinearHead, LinearHeadConfig


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("n_outputs", [1, 5])
def test_logits_from_every_head_with_gradient_to_every_parameter(name, n_outputs):
    encoder = ECGEncoder1DCNN(CNNConfig(width=2))
    classifier = Classifier(encoder, HEADS[name](HEADS[name].Config(), feature_dim=8, n_outputs=n_outputs))
    logits = classifier(torch.randn(4, 12, 100))
    logits.square().sum().backward()
    assert logits.shape == (4, n_outputs)
    assert all(parameter.grad is not None for parameter in classifier.parameters())


def test_head_that_does_not_fit_is_refused():
    with pytest.raises(InputError, match="expected 8, found 9"):
        Classifier(ECGEncoder1DCNN(CNNConfig(width=2)), LinearHead(LinearHeadConfig(), feature_dim=9, n_outputs=1))
