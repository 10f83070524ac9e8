from __future__ import annotations

import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.models import ENCODERS, CNNConfig, ECGEncoder1DCNN
from ssrl_ecg.models.unet import N_WAVE_CLASSES, UNet, UNetConfig, pyramid

TOO_COARSE = ("cpc", "vit-xs-leads")
SMALL = UNetConfig(width=4, lead_width=2)


def build(name, **settings):
    torch.manual_seed(0)
    kind = ENCODERS[name]
    return kind(kind.Config(**settings))


@pytest.mark.parametrize("name", [name for name in ENCODERS if name not in TOO_COARSE])
def test_every_encoder_that_sees_time_finely_enough_carries_logits_at_the_inputs_length(name):
    small = {"width": 8} if name.startswith(("cnn", "resnet", "xresnet")) else {}
    encoder = build(name, **small)
    unet = UNet(encoder, SMALL).eval()
    n_samples = 250 if "vit" in name else 333
    with torch.no_grad():
        logits = unet(torch.randn(1, 12, n_samples))
    assert logits.shape == (1, 12, N_WAVE_CLASSES, n_samples)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("name", TOO_COARSE)
def test_an_encoder_with_coarse_maps_is_refused_with_its_step(name):
    with pytest.raises(InputError, match=r"too coarse .*every 8 samples or more often, found every \d+ samples"):
        UNet(build(name), SMALL)


def test_of_stages_with_equal_maps_the_last_is_climbed():
    assert pyramid(build("s4d")) == (4,)
    assert pyramid(build("resnet18", width=4)) == (1, 2, 3, 4)
    assert pyramid(build("improved", width=4)) == (0, 1, 2, 3)


def test_looking_at_an_encoder_leaves_it_as_it_was():
    encoder = build("resnet18", width=4)
    encoder.stages.eval()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    pyramid(encoder)
    assert encoder.training
    assert not encoder.stages.training
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())


def test_a_single_lead_encoder_reads_every_lead_as_a_record_of_its_own():
    torch.manual_seed(0)
    unet = UNet(ECGEncoder1DCNN(CNNConfig(n_leads=1, width=4)), SMALL).eval()
    signal = torch.randn(2, 5, 200)
    with torch.no_grad():
        together = unet(signal)
        alone = torch.stack([torch.cat([unet(signal[r : r + 1, k : k + 1]) for k in range(5)], 1)[0] for r in range(2)])
    torch.testing.assert_close(together, alone)


def test_an_encoder_of_all_leads_tells_each_lead_of_the_others():
    torch.manual_seed(0)
    unet = UNet(ECGEncoder1DCNN(CNNConfig(width=4)), SMALL).eval()
    signal = torch.randn(1, 12, 200)
    changed = signal.clone()
    changed[0, 3] += 1
    with torch.no_grad():
        before, after = unet(signal), unet(changed)
    assert not torch.allclose(before[0, 7], after[0, 7])


@pytest.mark.parametrize("n_leads", [1, 12])
def test_chosen_leads_have_the_logits_they_have_among_all(n_leads):
    torch.manual_seed(0)
    unet = UNet(ECGEncoder1DCNN(CNNConfig(n_leads=n_leads, width=4)), SMALL).eval()
    signal, leads = torch.randn(2, 12, 200), torch.tensor([7, 0, 3])
    with torch.no_grad():
        torch.testing.assert_close(unet(signal, leads), unet(signal)[:, leads])


def test_gradients_reach_encoder_and_decoder():
    unet = UNet(ECGEncoder1DCNN(CNNConfig(width=4)), SMALL)
    unet(torch.randn(2, 12, 128)).square().mean().backward()
    assert all(parameter.grad is not None for parameter in unet.parameters())


@pytest.mark.parametrize("settings", [{"width": 0}, {"lead_width": 0}, {"kernel": 4}])
def test_settings_no_network_can_be_built_from_are_refused(settings):
    with pytest.raises(InputError, match="out of range"):
        UNetConfig(**settings)
