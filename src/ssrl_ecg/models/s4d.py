"""S4D: diagonal state spaces, linear systems that remember a signal's past over many time scales.

Gu, Goel, Gupta and Re 2022, "On the Parameterization and Initialization of Diagonal State Space Models". Here: real
arithmetic throughout, because exported graphs (ONNX) have no complex numbers, and a second direction on request.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssrl_ecg.models.config import require_whole
from ssrl_ecg.models.encoder import Encoder, EncoderConfig

_STEP_RANGE = (1e-3, 1e-1)
"""From where initial step sizes are drawn, uniformly in their logarithm; Gu et al. 2022."""
_LONGEST_DIRECT = 256
"""Steps up to which a matrix product is no slower than Fourier transforms on a CPU core: measured at 128 channels."""


class S4D(nn.Module):
    """Each channel passes through N oscillators that decay, and what they say is added up (Gu et al. 2022, section 3).

    A channel u drives the states x_n' = A_n x_n + u, n = 0 ... N - 1, and y = D u + 2 Re(sum of C_n x_n): complex
    states come in conjugate pairs, of which one is kept. With u held constant over each step of size dt (zero-order
    hold), that is a convolution with

        K_l = 2 Re(sum over n of C_n (exp(dt A_n) - 1) / A_n exp(l dt A_n)),  l = 0, 1, ...

    With A_n = -a_n + i b_n its terms are decaying sines and cosines, so no complex number is needed. The start is
    "S4D-Lin": a_n = 1/2, b_n = pi n, C and D standard normal, dt between .001 and .1; B stays 1, since only the product
    of B and C counts.

    Args:
        n_channels: channels, each with a system of its own.
        n_states: N, states per channel and direction.
        bidirectional: also run a second system from the end to the beginning, and add both.
    """

    def __init__(self, n_channels: int, n_states: int, *, bidirectional: bool) -> None:
        super().__init__()
        shape = (1 + bidirectional, n_channels, n_states)
        low, high = (math.log(size) for size in _STEP_RANGE)
        self.log_step_size = nn.Parameter(torch.empty(shape[0], n_channels, 1).uniform_(low, high))
        self.log_decay = nn.Parameter(torch.full(shape, math.log(0.5)))
        self.frequency = nn.Parameter(torch.pi * torch.arange(n_states).expand(shape).clone())
        self.output_real = nn.Parameter(torch.randn(shape) * 0.5**0.5)
        self.output_imaginary = nn.Parameter(torch.randn(shape) * 0.5**0.5)
        self.skip = nn.Parameter(torch.randn(n_channels, 1))

    def forward(self, signal: Tensor) -> Tensor:
        """Convolve along time: (batch, channel, time) -> the same shape, in float32 also under autocast."""
        with torch.autocast(signal.device.type, enabled=False):
            signal = signal.float()
            return _convolve(signal, self.kernel(signal.shape[-1])) + self.skip * signal

    def kernel(self, n_steps: int) -> Tensor:
        """Compute what one step's input adds to the steps around it.

        Args:
            n_steps: T, length of the signal (>= 1).

        Returns:
            (channel, 2 T - 1): lags from -(T - 1) to T - 1; those below 0 are zero unless the layer is bidirectional.
        """
        decay, step_size = self.log_decay.exp(), self.log_step_size.exp()
        weight_real, weight_imaginary = self._weights(decay, step_size)
        lag = torch.arange(n_steps, device=decay.device)
        angle = (step_size * self.frequency).unsqueeze(-1) * lag
        envelope = torch.exp(-(step_size * decay).unsqueeze(-1) * lag)
        terms = weight_real.unsqueeze(-1) * angle.cos() - weight_imaginary.unsqueeze(-1) * angle.sin()
        forward, *backward = 2 * (envelope * terms).sum(dim=2)
        kernel = F.pad(forward, (n_steps - 1, 0))
        return kernel + F.pad(backward[0].flip(-1), (0, n_steps - 1)) if backward else kernel

    def _weights(self, decay: Tensor, step_size: Tensor) -> tuple[Tensor, Tensor]:
        """Compute C (exp(dt A) - 1) / A, real and imaginary part, each (direction, channel, state)."""
        size, angle = torch.exp(-step_size * decay), step_size * self.frequency
        real, imaginary = size * angle.cos() - 1, size * angle.sin()
        square = decay**2 + self.frequency**2
        held_real = (self.frequency * imaginary - decay * real) / square
        held_imaginary = -(self.frequency * real + decay * imaginary) / square
        return (
            self.output_real * held_real - self.output_imaginary * held_imaginary,
            self.output_real * held_imaginary + self.output_imaginary * held_real,
        )


def _convolve(signal: Tensor, kernel: Tensor) -> Tensor:
    """Convolve (batch, channel, T) with (channel, 2 T - 1), lags from -(T - 1) to T - 1, and keep the T steps.

    Short signals are multiplied by the (T, T) matrix of each channel, long ones by Fourier transform. Exported graphs
    always take the matrix: Fourier transforms are where runtimes differ.
    """
    n_steps = signal.shape[-1]
    if n_steps <= _LONGEST_DIRECT or torch.compiler.is_compiling():
        step = torch.arange(n_steps, device=signal.device)
        matrix = kernel[:, step[:, None] - step + n_steps - 1]
        return torch.matmul(matrix, signal.permute(1, 2, 0)).permute(2, 0, 1)
    n_points = 3 * n_steps - 2
    spectrum = torch.fft.rfft(signal, n=n_points) * torch.fft.rfft(kernel, n=n_points)
    convolved: Tensor = torch.fft.irfft(spectrum, n=n_points)
    return convolved[..., n_steps - 1 : 2 * n_steps - 1]


class S4DBlock(nn.Module):
    """Layer norm, S4D, GELU, a gated mixing of the channels (GLU), and a shortcut around all of it.

    The layer norm comes first rather than last, so that the shortcut reaches from the first block to the last.
    """

    def __init__(self, n_channels: int, n_states: int, *, bidirectional: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(n_channels)
        self.system = S4D(n_channels, n_states, bidirectional=bidirectional)
        self.mixing = nn.Conv1d(n_channels, 2 * n_channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Add what the block says to what came in: (batch, channel, time) -> the same shape."""
        remembered = self.system(self.norm(features.transpose(1, 2)).transpose(1, 2))
        return features + F.glu(self.mixing(F.gelu(remembered)), dim=1)


@dataclass(frozen=True, kw_only=True)
class S4DConfig(EncoderConfig):
    """Settings of ``S4DEncoder``."""

    width: int = 128
    """Channels of every layer (>= 1); Mehari and Strodthoff's S4 for ECG has 512, this suits a few CPU cores."""
    n_layers: int = 4
    """State-space layers (>= 1); Mehari and Strodthoff 2023, "Towards quantitative precision ..."."""
    n_states: int = 8
    """Conjugate pairs of states per channel and direction (>= 1); the same paper's state dimension."""
    bidirectional: bool = True
    """Whether the layers also run backwards; without it no feature knows its future beyond the two convolutions'."""

    def __post_init__(self) -> None:
        """Refuse sizes out of range."""
        super().__post_init__()
        require_whole("n_layers", self.n_layers, 1)
        require_whole("n_states", self.n_states, 1)


class S4DEncoder(Encoder):
    """Two convolutions (kernels 7 and 5, each halves time, GELU between), then S4D blocks.

    Features: ``width``, time / 4; the receptive field is the whole input. Accepts 4 samples or more. Mehari and
    Strodthoff run their S4 at every sample; the two convolutions make a quarter of the steps out of it.
    """

    Config = S4DConfig
    minimum_samples = 4

    def __init__(self, config: S4DConfig) -> None:
        super().__init__(config)
        width = config.width
        self.layer_dims = (width,) * (1 + config.n_layers)
        self.stem = nn.Sequential(
            nn.Conv1d(config.n_leads, width, 7, stride=2, padding=3),
            nn.GELU(),
            nn.Conv1d(width, width, 5, stride=2, padding=2),
        )
        self.blocks = nn.ModuleList(
            S4DBlock(width, config.n_states, bidirectional=config.bidirectional) for _ in range(config.n_layers)
        )

    def _layers(self, signal: Tensor) -> list[Tensor]:
        layers = [self.stem(signal)]
        for block in self.blocks:
            layers.append(block(layers[-1]))
        return layers
