from __future__ import annotations

import numpy as np
import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.models import S4DConfig, S4DEncoder
from ssrl_ecg.models.s4d import S4D, _convolve


def build(n_channels: int = 3, n_states: int = 4, *, bidirectional: bool = False) -> S4D:
    torch.manual_seed(0)
    return S4D(n_channels, n_states, bidirectional=bidirectional)


def complex_recurrence(layer: S4D, signal: np.ndarray, direction: int) -> np.ndarray:
    """x[k] = exp(dt A) x[k - 1] + (exp(dt A) - 1) / A u[k], y[k] = 2 Re(C x[k]), one step after the other."""
    values = {name: p.detach().double().numpy() for name, p in layer.named_parameters()}
    a = -np.exp(values["log_decay"][direction]) + 1j * values["frequency"][direction]
    c = values["output_real"][direction] + 1j * values["output_imaginary"][direction]
    kept = np.exp(np.exp(values["log_step_size"][direction]) * a)
    taken = (kept - 1) / a
    state, output = np.zeros(a.shape, complex), np.empty(signal.shape)
    for step in range(signal.shape[1]):
        state = kept * state + taken * signal[:, [step]]
        output[:, step] = 2 * (c * state).sum(axis=1).real
    return output


@pytest.mark.parametrize("n_steps", [1, 2, 31, 300])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_equals_a_complex_recurrence(n_steps, bidirectional):
    layer, signal = build(bidirectional=bidirectional), torch.randn(2, 3, n_steps)
    for record, found in zip(signal.double().numpy(), layer(signal).detach().numpy(), strict=True):
        expected = complex_recurrence(layer, record, 0) + layer.skip.detach().double().numpy() * record
        if bidirectional:
            expected += complex_recurrence(layer, record[:, ::-1], 1)[:, ::-1]
        np.testing.assert_allclose(found, expected, atol=2e-5, rtol=1e-4)


def test_starts_as_s4d_lin():
    layer = build(n_channels=1000, n_states=5)
    torch.testing.assert_close(layer.log_decay.exp(), torch.full((1, 1000, 5), 0.5))
    torch.testing.assert_close(layer.frequency[0, 7], torch.pi * torch.arange(5))
    step_size = layer.log_step_size.exp()
    assert 1e-3 <= step_size.min() < 1.1e-3
    assert 0.09 < step_size.max() <= 0.1
    assert abs(layer.log_step_size.mean() - np.log(1e-2)) < 0.1


@pytest.mark.parametrize("n_steps", [1, 5, 300])
def test_matrix_and_fourier_transform_agree_with_numpy(n_steps, monkeypatch):
    signal, kernel = torch.randn(2, 3, n_steps), torch.randn(3, 2 * n_steps - 1)
    expected = np.array(
        [
            [np.convolve(u, k)[n_steps - 1 : 2 * n_steps - 1] for u, k in zip(record, kernel, strict=True)]
            for record in signal
        ]
    )
    for longest in (0, 1000):
        monkeypatch.setattr("ssrl_ecg.models.s4d._LONGEST_DIRECT", longest)
        np.testing.assert_allclose(_convolve(signal, kernel).numpy(), expected, atol=1e-4)


def test_only_the_bidirectional_layer_knows_the_future():
    signal, changed = torch.randn(1, 3, 50), torch.randn(1, 3, 50)
    changed[..., :30] = signal[..., :30]
    one_way, both = build(), build(bidirectional=True)
    torch.testing.assert_close(one_way(signal)[..., :30], one_way(changed)[..., :30])
    assert (both(signal)[..., :30] - both(changed)[..., :30]).abs().amax(dim=1).min() > 0


def test_parameter_count_by_hand():
    """Per direction, channel and state: decay, frequency, two of C; per direction and channel a step; D; norms; GLU."""
    width, n_states, n_layers = 128, 8, 4
    block = 2 * width * (4 * n_states + 1) + width + 2 * width + (width * 2 * width + 2 * width)
    stem = (12 * 7 + 1) * width + (width * 5 + 1) * width
    assert sum(p.numel() for p in S4DEncoder(S4DConfig()).parameters()) == stem + n_layers * block


def test_the_receptive_field_is_the_whole_input():
    encoder, signal = S4DEncoder(S4DConfig(width=8)).eval(), torch.randn(1, 12, 200, requires_grad=True)
    encoder.feature_map(signal)[0, :, 0].sum().backward()
    assert signal.grad[0, :, -4:].abs().sum() > 0


class _Real(torch.utils._python_dispatch.TorchDispatchMode):
    """Refuses every operation that gives complex numbers."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        assert not (torch.is_tensor(result) and result.is_complex()), function
        return result


@pytest.mark.parametrize("n_samples", [250, 2000])
def test_exported_graph_is_real_at_every_length_and_says_the_same(n_samples):
    encoder, signal = S4DEncoder(S4DConfig(width=4, n_layers=1)).eval(), torch.randn(2, 12, n_samples)
    exported = torch.export.export(encoder, (signal,)).module()
    with _Real():
        found = exported(signal)
    torch.testing.assert_close(found, encoder(signal), atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_onnx_runtime_says_the_same(tmp_path):
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    encoder, signal = S4DEncoder(S4DConfig(width=4, n_layers=1)).eval(), torch.randn(2, 12, 2000)
    torch.onnx.export(encoder, (signal,), tmp_path / "s4d.onnx", dynamo=True, verbose=False)
    session = runtime.InferenceSession(tmp_path / "s4d.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: signal.numpy()})
    np.testing.assert_allclose(found, encoder(signal).detach().numpy(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("values", [{"n_layers": 0}, {"n_states": 0}, {"width": 0}])
def test_settings_out_of_range_are_refused(values):
    with pytest.raises(InputError, match=next(iter(values))):
        S4DConfig(**values)
