from __future__ import annotations

import numpy as np
import pytest

from ssrl_ecg.signals.quantiles import median_of_known, quantile_of_known

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(params=[1, 2, 5, 8])
def values(request):
    rng = np.random.default_rng(request.param)
    values = rng.normal(size=(request.param, 40))
    values[rng.random(values.shape) < 0.3] = np.nan
    return values


@pytest.mark.parametrize("q", [0.0, 0.25, 0.8, 1.0])
def test_quantiles_agree_with_nanquantile_and_are_nan_where_nothing_is_known(values, q):
    known = np.isfinite(values).any(axis=0)
    expected = np.nanquantile(values[:, known], q, axis=0)
    np.testing.assert_allclose(quantile_of_known(values, q)[known], expected, atol=1e-12)
    assert np.isnan(quantile_of_known(values, q)[~known]).all()


def test_each_place_of_the_last_axis_may_have_its_own_quantile():
    values = np.random.default_rng(0).normal(size=(7, 5, 3))
    expected = [np.quantile(values[..., k], q, axis=0) for k, q in enumerate((0.1, 0.5, 0.9))]
    np.testing.assert_allclose(quantile_of_known(values, [0.1, 0.5, 0.9]), np.stack(expected, axis=-1), atol=1e-12)


def test_one_row_of_numbers_has_one_quantile(values):
    row = np.append(values[:, 0], 1.0)
    np.testing.assert_allclose(quantile_of_known(row, 0.3), np.nanquantile(row, 0.3))


def test_the_median_is_nanmedian(values):
    known = np.isfinite(values).any(axis=0)
    np.testing.assert_allclose(median_of_known(values)[known], np.nanmedian(values[:, known], axis=0), atol=1e-12)
