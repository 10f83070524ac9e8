"""Write docs/encoders.md: size, cost, reach and speed of every encoder.

All columns but the speeds are computed from the networks; the speeds are read from results/benchmarks/encoders.json.
Run ``python docs/make_encoders.py`` after changing an encoder or measuring again; ``--check`` only says whether the
file is current.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from generated import table, write_or_check
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from ssrl_ecg.models import ENCODERS, Encoder

TARGET = Path(__file__).with_name("encoders.md")
SPEEDS = Path(__file__).parents[1] / "results" / "benchmarks" / "encoders.json"
N_LEADS, N_SAMPLES, SAMPLING_RATE_HZ = 12, 1000, 100
REACH_SAMPLES = 2200
"""Longer than every receptive field that has an end, and a whole number of every patch."""


def mega_macs(encoder: Encoder) -> float:
    """Count a record's multiplications with addition in convolutions, matrix products, attention, LSTMs and GRUs.

    Fused kernels hide what they multiply from the counter, so they are switched off.
    """
    plain = (sdpa_kernel(SDPBackend.MATH), torch.backends.mkldnn.flags(enabled=False))
    with plain[0], plain[1], FlopCounterMode(display=False) as counter:
        encoder(torch.zeros(1, N_LEADS, N_SAMPLES))
    return counter.get_total_flops() / 2 / 1e6


def reach(kind: type[Encoder]) -> tuple[int, int]:
    """Find the first and last sample that the middle step of the feature map depends on, by its gradient.

    A ReLU that is closed and a sample that is not the largest of its pool would hide what they could depend on. So the
    gradient is taken twice: with the weights' absolute values on a rising and a falling ramp, where every ReLU is open
    and pools look at either of their ends, and with ordinary weights on noise, which gates cannot saturate on.

    Returns:
        Positions among ``REACH_SAMPLES`` samples.
    """
    torch.manual_seed(0)
    encoder = kind(kind.Config(width=24)).double().eval()  # reach does not depend on width
    noise = torch.randn(2, N_LEADS, REACH_SAMPLES, dtype=torch.float64)
    touched = depends(encoder, noise)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.abs_()
    ramp = torch.linspace(1, 2, REACH_SAMPLES, dtype=torch.float64).expand(1, N_LEADS, -1)
    positions = (touched | depends(encoder, torch.cat([ramp, ramp.flip(-1)]))).nonzero()
    return int(positions[0]), int(positions[-1])


def depends(encoder: Encoder, signal: torch.Tensor) -> torch.Tensor:
    """Say for each sample whether the middle step of the feature map changes with it, in any lead or row."""
    signal = signal.requires_grad_()
    features = encoder.feature_map(signal)
    (gradient,) = torch.autograd.grad(features[..., features.shape[-1] // 2].sum(), signal)
    return (gradient != 0).any(dim=0).any(dim=0)


def reach_in_words(first: int, last: int) -> tuple[str, str]:
    """Return the receptive field in samples and in ms."""
    if first == 0:
        return ("whole record", "") if last == REACH_SAMPLES - 1 else ("all before", "")
    return f"{last - first + 1:,}", f"{(last - first + 1) * 1000 / SAMPLING_RATE_HZ:,.0f}"


def facts(name: str) -> tuple[str, ...]:
    """Return the columns of one encoder that follow from the network."""
    encoder = ENCODERS[name](ENCODERS[name].Config()).eval()
    features = encoder.feature_map(torch.zeros(1, N_LEADS, N_SAMPLES))
    return (
        f"`{name}`",
        str(encoder.config.width),
        f"{sum(parameter.numel() for parameter in encoder.parameters()):,}",
        f"{mega_macs(encoder):,.1f}",
        str(encoder.feature_dim),
        f"{encoder.map_dim} x {features.shape[-1]}",
        *reach_in_words(*reach(ENCODERS[name])),
    )


def speeds(name: str, measured: dict[str, Any]) -> tuple[str, str]:
    """Return records per second of inference and of training, to two digits; nothing for what was not measured."""
    if name not in measured:
        return "", ""
    inference, training = (float(f"{measured[name][kind]['processor']:.2g}") for kind in ("inference", "training"))
    return f"{inference:,g}", f"{training:,g}"


def how_measured(record: dict[str, Any]) -> str:
    """Say in a sentence where the speeds come from."""
    config, machine = record["config"], record["machine"]
    shared = machine["load_average"] > 1
    return (
        f"Speeds are from `results/benchmarks/encoders.json` ({machine['processor']}, {record['date']}):\n"
        f"{config['processes']} processes of one thread each at the same time, batches of {config['batch_size']},\n"
        f"fp32, per second of processor time{'; others computed on the machine as well' if shared else ''}."
    )


def document() -> str:
    """Return the whole page."""
    record = json.loads(SPEEDS.read_text(encoding="utf-8"))
    headings = ("encoder", "width", "parameters", "MMAC", "features", "map", "reach (samples)", "reach (ms)")
    rows = ((*facts(name), *speeds(name, record["measured"]["records_per_s"])) for name in ENCODERS)
    lines = [
        "# Encoders",
        "",
        "Written by `python docs/make_encoders.py` from the networks themselves; do not edit by hand.",
        "",
        "Every encoder turns (batch, lead, time) into a feature map and one vector per record. In `pretrain`,",
        "`supervised` and `run` it is chosen by `--encoder NAME`, its width by `--encoder-width`, the rest of its",
        "settings by `--encoder-settings NAME=VALUE ...`. All figures are for the default width and ten seconds of",
        "twelve leads at 100 Hz.",
        "",
        *table((*headings, "inference (records/s)", "training (records/s)"), rows),
        "",
        "MMAC: million multiplications with addition, forward, of convolutions, matrix products, attention, LSTM, GRU;",
        "Fourier transforms, norms and activations are not counted. features: length of the vector. map: channels x",
        "steps. reach: the stretch of signal that one step of the map depends on, its receptive field. training:",
        "forward and backward pass, no optimiser.",
        how_measured(record),
        "",
        *table(("encoder", "class", "what"), (described(name) for name in ENCODERS)),
        "",
    ]
    return "\n".join(lines)


def described(name: str) -> tuple[str, str, str]:
    """Return an encoder's name, class and the first sentence of its docstring."""
    kind = ENCODERS[name]
    return f"`{name}`", f"`{kind.__name__}`", (kind.__doc__ or "").split("\n")[0]


if __name__ == "__main__":
    sys.exit(write_or_check(sys.argv[1:], TARGET, document))
