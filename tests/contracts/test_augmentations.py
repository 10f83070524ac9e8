"""What every augmentation in the table promises."""

from __future__ import annotations

import dataclasses
import importlib
import json
import math
import pkgutil
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

import ssrl_ecg.augmentations as room
from ssrl_ecg.augmentations import AUGMENTATIONS, Augmentation
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LIMB_LEADS_FROM_I_II, einthoven_error_mv

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
pytestmark = pytest.mark.parametrize("name", sorted(AUGMENTATIONS))


@cache
def ecgs(
    n_records: int, sampling_rate_hz: float = 100.0, duration_s: float = 10.0, seed: int = 0, highest_hz: float = 8.0
) -> Tensor:
    """(record, 12, time): sums of slow sines, so that any rate shows the same signal; exact limb leads; about 1 mV."""
    generator = torch.Generator().manual_seed(seed)
    size = (n_records, 8, 6, 1)
    frequency_hz = torch.rand(size, generator=generator, dtype=torch.float64) * (highest_hz - 1) + 1
    phase = torch.rand(size, generator=generator, dtype=torch.float64) * 2 * math.pi
    weight = torch.rand(size, generator=generator, dtype=torch.float64) * 0.3
    time_s = torch.arange(round(duration_s * sampling_rate_hz), dtype=torch.float64) / sampling_rate_hz
    eight = (weight * torch.sin(2 * math.pi * frequency_hz * time_s + phase)).sum(dim=2)
    return torch.cat([torch.from_numpy(LIMB_LEADS_FROM_I_II) @ eight[:, :2], eight[:, 2:]], dim=1).float()


def slow_noise() -> np.ndarray:
    """(2, time): half a minute of two channels in mV at 360 Hz, below 2 Hz, so that any rate shows the same noise."""
    time_s = np.arange(30 * 360) / 360
    return np.stack([0.3 * np.sin(2 * np.pi * 0.7 * time_s), 0.2 * np.cos(2 * np.pi * 1.3 * time_s) + 1])


NEEDS = {"recorded-noise": lambda: {"noise_mv": slow_noise(), "noise_hz": 360.0}}
"""What an augmentation is built from besides its config."""

ALONG_TIME = {
    *("amplitude-scaling", "bandpass", "down-sample", "dynamic-time-warp", "frequency-warp", "gaussian-blur"),
    *("negation", "permutation", "random-resized-crop", "sample-dropout", "temporal-dropout", "time-out", "time-warp"),
}
"""Augmentations that treat every lead of a record in the same way, whatever it shows."""

FIXED_STRENGTH = {"negation"}
"""Augmentations whose only draw is whether a record is transformed."""


def built(name: str, **config: object) -> Augmentation:
    kind = AUGMENTATIONS[name]
    return kind(kind.config_type(**config), **NEEDS.get(name, dict)())


def made(name: str, probability: float = 1.0) -> Augmentation:
    return built(name, probability=probability)


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_table_knows_every_augmentation_of_the_room_by_its_name(name):
    for module in pkgutil.iter_modules(room.__path__):
        importlib.import_module(f"{room.__name__}.{module.name}")
    assert set(Augmentation.__subclasses__()) == set(AUGMENTATIONS.values())
    assert AUGMENTATIONS[name].name == name
    assert list(AUGMENTATIONS) == sorted(AUGMENTATIONS)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_keeps_shape_type_device_and_input(name, dtype, device):
    signal = ecgs(6, duration_s=2.5).to(device, dtype)
    before = signal.clone()
    output = made(name)(signal, 100.0, seeded())
    assert (output.shape, output.dtype, output.device) == (signal.shape, signal.dtype, signal.device)
    assert output.data_ptr() != signal.data_ptr()
    assert torch.equal(signal, before)
    assert output.isfinite().all()


def test_never_is_identity_and_always_reaches_every_record(name):
    signal = ecgs(12)
    assert torch.equal(made(name, 0.0)(signal, 100.0, seeded()), signal)
    output = made(name, 1.0)(signal, 100.0, seeded())
    assert ((output - signal).abs().amax(dim=(1, 2)) > 1e-4).all()


def test_applies_at_the_rate_it_is_given_and_only_to_the_records_it_drew(name):
    signal, probability = ecgs(2000, duration_s=1.0), 0.3
    augmentation = made(name, probability)
    drawn = augmentation.draw(signal, 100.0, seeded())
    output = augmentation.apply(signal, drawn, 100.0)
    changed = (output != signal).any(dim=2).any(dim=1).nonzero().squeeze(1)
    assert torch.equal(changed, drawn.rows)
    assert abs(len(changed) - 2000 * probability) < 4 * math.sqrt(2000 * probability * (1 - probability))


def test_same_generator_same_view_and_the_next_one_differs(name):
    signal, augmentation, generator = ecgs(8), made(name, 0.5 if name in FIXED_STRENGTH else 1.0), seeded()
    first, second = augmentation(signal, 100.0, generator), augmentation(signal, 100.0, generator)
    assert torch.equal(first, augmentation(signal, 100.0, seeded()))
    assert not torch.equal(first, second)


def test_draws_depend_on_the_shape_alone(name):
    augmentation = made(name, 0.5)
    one, other = (augmentation.draw(ecgs(16, seed=seed), 100.0, seeded()) for seed in (0, 9))
    assert torch.equal(one.rows, other.rows)
    assert all(torch.equal(one[key], other[key]) for key in one.values)


def test_records_of_one_batch_get_parameters_of_their_own(name):
    augmentation = made(name)
    output = augmentation(ecgs(8)[:1].repeat(8, 1, 1) + torch.arange(8).view(-1, 1, 1) * 1e-3, 100.0, seeded())
    pairs = torch.pdist(output.flatten(1).double())
    assert (pairs > 1e-3).all()


def test_a_record_depends_on_others_only_through_declared_mixing(name):
    augmentation, signal = made(name), ecgs(8)
    other = signal.clone()
    other[3] = -2 * other[3]
    drawn = augmentation.draw(signal, 100.0, seeded())
    differs = (
        (augmentation.apply(signal, drawn, 100.0) != augmentation.apply(other, drawn, 100.0)).flatten(1).any(dim=1)
    )
    expected = torch.arange(8) == 3
    if augmentation.mixes_records:
        expected |= drawn["partner"] == 3
        assert expected.sum() > 1
    assert torch.equal(differs, expected)


def test_batch_of_one_works_and_is_left_alone_where_records_mix(name):
    signal = ecgs(1)
    output = made(name)(signal, 100.0, seeded())
    assert torch.equal(output, signal) == AUGMENTATIONS[name].mixes_records


def test_empty_batch_stays_empty(name):
    assert made(name)(ecgs(2)[:0], 100.0, seeded()).shape == (0, 12, 1000)


def test_parameters_mean_the_same_at_100_and_500_hz(name):
    if name in {"channel-noise", "dropout-or-noise", "em-noise"}:
        pytest.skip("white noise has one value per sample; its size is compared in the test of its own file")
    if name == "powerline-noise":
        pytest.skip("what 500 Hz shows above 50 Hz has no place at 100 Hz; frequencies are compared in its own test")
    slow, fast, augmentation = ecgs(16, highest_hz=2.0), ecgs(16, 500.0, highest_hz=2.0), made(name)
    drawn = augmentation.draw(slow, 100.0, seeded())
    at_slow = augmentation.apply(slow, drawn, 100.0)
    at_fast = augmentation.apply(fast, drawn, 500.0)[..., ::5]
    # Where the record ends (mirroring, padding) and where a gap begins differ by up to one sample of the slower rate.
    difference_mv = (at_slow - at_fast).abs()[..., 100:-100]
    assert difference_mv.amax() < (0.1 if name == "temporal-dropout" else 0.01)
    assert difference_mv.mean() < 0.002


def test_what_acts_along_time_acts_on_all_leads_alike(name):
    if name not in ALONG_TIME:
        pytest.skip("treats leads differently by design, or adds what is not in the record")
    wave, weights = ecgs(6)[:, 6:7].double(), torch.linspace(-2, 3, 12).double().view(1, -1, 1)
    augmentation = made(name)
    drawn = augmentation.draw(wave, 100.0, seeded())
    at_once = augmentation.apply(wave * weights, drawn, 100.0)
    torch.testing.assert_close(at_once, augmentation.apply(wave, drawn, 100.0) * weights, atol=1e-9, rtol=0)


def test_moments_stay_where_they_are_if_it_says_so(name):
    rate_hz, pulse_s = 250.0, 3.3
    signal, augmentation = ecgs(32, rate_hz).double(), made(name)
    time_s = torch.arange(signal.shape[-1]) / rate_hz
    pulse = torch.exp(-0.5 * ((time_s - pulse_s) / 0.02) ** 2).double() * torch.linspace(0.5, 1, 12).view(1, -1, 1)
    drawn = augmentation.draw(signal, rate_hz, seeded())
    response = augmentation.apply(signal + pulse, drawn, rate_hz) - augmentation.apply(signal, drawn, rate_hz)
    largest, place = response.abs().amax(dim=1).max(dim=1)
    seen = largest > 0.1  # a pulse may be silenced
    assert seen.any()
    moved = ((time_s[place] - pulse_s).abs() > 0.06) & seen
    assert moved.any() == (not augmentation.keeps_time)


def test_limb_leads_stay_consistent(name):
    if not AUGMENTATIONS[name].keeps_einthoven:
        pytest.skip("declares that it does not")
    output = made(name)(ecgs(16), 100.0, seeded())
    assert einthoven_error_mv(output.numpy()).max() < 1e-5


CUBIC_OVERSHOOT = 1.25
LARGEST_MV = {
    "amplitude-scaling": lambda signal: 1.25 * signal.abs().amax(dim=(1, 2)),
    "bandpass": lambda signal: 2 * signal.abs().amax(dim=(1, 2)),
    # At most 3 shifts in 10 s, each of at most 1 mV.
    "baseline-shift": lambda signal: signal.abs().amax(dim=(1, 2)) + 3 * 1.0,
    "baseline-wander": lambda signal: signal.abs().amax(dim=(1, 2)) + 71 * 0.1,
    "channel-noise": lambda signal: signal.abs().amax(dim=(1, 2)) + 2 * 6 * 0.02 * signal.std(dim=2).amax(dim=1),
    "channel-resize": lambda signal: 4 * signal.abs().amax(dim=(1, 2)),
    "cutmix": lambda signal: signal.abs().amax().expand(len(signal)),
    "down-sample": lambda signal: CUBIC_OVERSHOOT * signal.abs().amax(dim=(1, 2)),
    "dropout-or-noise": lambda signal: signal.abs().amax(dim=(1, 2)) + 2 * 6 * 0.05 * signal.std(dim=2).amax(dim=1),
    "dynamic-time-warp": lambda signal: CUBIC_OVERSHOOT * signal.abs().amax(dim=(1, 2)),
    "em-noise": lambda signal: signal.abs().amax(dim=(1, 2)) + 8.5 * 0.5,
    "frequency-warp": lambda signal: CUBIC_OVERSHOOT * signal.abs().amax(dim=(1, 2)),
    "gaussian-blur": lambda signal: 1.2 * signal.abs().amax(dim=(1, 2)),
    "lead-dropout": lambda signal: signal.abs().amax(dim=(1, 2)),
    "lead-subset": lambda signal: signal.abs().amax(dim=(1, 2)),
    "lead-time-out": lambda signal: signal.abs().amax(dim=(1, 2)),
    "mixup": lambda signal: signal.abs().amax().expand(len(signal)),
    "motion-artifact": lambda signal: signal.abs().amax(dim=(1, 2)) + 0.05,
    "negation": lambda signal: signal.abs().amax(dim=(1, 2)),
    "permutation": lambda signal: signal.abs().amax(dim=(1, 2)),
    "powerline-noise": lambda signal: signal.abs().amax(dim=(1, 2)) + 4 * 0.2,
    "random-resized-crop": lambda signal: CUBIC_OVERSHOOT * signal.abs().amax(dim=(1, 2)),
    # At -6 dB the noise has twice the signal's SD; one sample holds at most all of a record's noise.
    "recorded-noise": lambda signal: signal.abs().amax(dim=(1, 2)) + 2 * signal.flatten(1).norm(dim=1),
    "sample-dropout": lambda signal: signal.abs().amax(dim=(1, 2)),
    "temporal-dropout": lambda signal: signal.abs().amax(dim=(1, 2)),
    "time-out": lambda signal: signal.abs().amax(dim=(1, 2)),
    "time-warp": lambda signal: CUBIC_OVERSHOOT * signal.abs().amax(dim=(1, 2)),
    # 2.5 times 1.56 (longest Dower vector) times the dipole: rows of the inverse matrix sum to 1.20, 1.41 and 1.14.
    "vcg-rotation": lambda signal: (1 + 2.5 * 1.56 * math.hypot(1.20, 1.41, 1.14)) * signal.abs().amax(dim=(1, 2)),
}


def test_amplitudes_stay_within_the_documented_bound(name):
    signal = ecgs(64)
    output = made(name)(signal, 100.0, seeded())
    assert (output.abs().amax(dim=(1, 2)) <= LARGEST_MV[name](signal) + 1e-6).all()


def test_config_is_frozen_validated_and_recorded(name):
    kind, augmentation = AUGMENTATIONS[name], built(name)
    recorded = augmentation.to_dict()
    assert recorded.items() >= {"name": name, **dataclasses.asdict(augmentation.config)}.items()
    assert json.loads(json.dumps(recorded)).keys() == recorded.keys()
    with pytest.raises(dataclasses.FrozenInstanceError):
        augmentation.config.probability = 0.9
    for probability in (-0.1, 1.1, math.nan):
        with pytest.raises(InputError, match="probability"):
            kind.config_type(probability=probability)
    strengths = [field.name for field in dataclasses.fields(kind.config_type) if field.name != "probability"]
    assert bool(strengths) == (name not in FIXED_STRENGTH)
    for strength in strengths:
        value = getattr(augmentation.config, strength)
        for wrong in (-1.0 if not strength.endswith("_db") else -1e6, 1e6, math.inf, math.nan):
            with pytest.raises(InputError, match=strength):
                kind.config_type(**{strength: (wrong, wrong) if isinstance(value, tuple) else wrong})
        if isinstance(value, tuple):
            with pytest.raises(InputError, match=strength):
                kind.config_type(**{strength: value[::-1]})


def test_refuses_what_is_no_batch_of_signals(name):
    for wrong in (ecgs(2)[0], ecgs(2).int()):
        with pytest.raises(InputError, match="batch, lead, time"):
            made(name)(wrong, 100.0, seeded())


NEED_TWELVE = {
    *("baseline-shift", "baseline-wander", "channel-noise", "channel-resize", "dropout-or-noise", "em-noise"),
    *("motion-artifact", "powerline-noise", "recorded-noise", "vcg-rotation"),
}


def test_fewer_leads_work_or_are_refused_in_one_line(name):
    signal = ecgs(4)[:, :3]
    if name in NEED_TWELVE:
        with pytest.raises(InputError, match="twelve leads"):
            made(name)(signal, 100.0, seeded())
    else:
        assert made(name)(signal, 100.0, seeded()).shape == signal.shape
