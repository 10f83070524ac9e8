"""scikit-learn's own checks that need no table of arbitrary width, and the encoder's answers."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks, get_tags

from ssrl_ecg.errors import InputError
from ssrl_ecg.predict.transformer import ECGEncoderTransformer
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.training.embed import embed

CHECKS = (
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
    "check_mixin_order",
)


@pytest.mark.parametrize("check", CHECKS)
def test_scikit_learn_accepts_it(check):
    getattr(estimator_checks, check)("ECGEncoderTransformer", ECGEncoderTransformer())


@pytest.fixture
def transformer(calibrated_path) -> ECGEncoderTransformer:
    return ECGEncoderTransformer(calibrated_path, batch_size=4)


@pytest.fixture(scope="module")
def signals_mv(store):
    return store.read_mv(np.arange(20))


def test_tags_declare_three_dimensional_input(transformer):
    tags = get_tags(transformer)
    assert tags.input_tags.three_d_array
    assert not tags.input_tags.two_d_array
    assert tags.transformer_tags is not None


def test_features_are_the_encoders_for_arrays_tables_units_and_lead_orders(transformer, signals_mv, plain, store):
    wanted = embed(plain.classifier.encoder, plain.preprocessing, store, np.arange(20))
    before = signals_mv.copy()
    np.testing.assert_allclose(transformer.fit_transform(signals_mv), wanted, atol=1e-5)
    np.testing.assert_array_equal(signals_mv, before)
    np.testing.assert_allclose(transformer.fit_transform(signals_mv.reshape(20, -1)), wanted, atol=1e-5)
    in_uv = clone(transformer).set_params(unit="uV", leads=LEADS[::-1])
    np.testing.assert_allclose(in_uv.fit_transform(1000 * signals_mv[:, ::-1]), wanted, atol=1e-3)
    assert transformer.n_features_in_ == 12_000
    assert transformer.get_feature_names_out()[:2].tolist() == ["ecgencodertransformer0", "ecgencodertransformer1"]
    assert len(transformer.get_feature_names_out()) == wanted.shape[1]


def test_one_record_at_a_time_and_after_pickling_it_says_the_same(transformer, signals_mv):
    together = transformer.fit(signals_mv).transform(signals_mv)
    again = pickle.loads(pickle.dumps(transformer))
    np.testing.assert_allclose(
        np.concatenate([again.transform(signals_mv[row : row + 1]) for row in range(20)]), together, atol=1e-5
    )


def test_works_in_pipelines_and_searches(transformer, signals_mv, labels):
    target = labels.values[:20, 0]
    model = make_pipeline(transformer, LogisticRegression(max_iter=50))
    search = GridSearchCV(model, {"logisticregression__C": [0.1, 1.0]}, cv=2).fit(signals_mv.reshape(20, -1), target)
    assert search.predict(signals_mv.reshape(20, -1)).shape == (20,)


def test_what_cannot_be_encoded_is_refused(transformer, signals_mv):
    with pytest.raises(NotFittedError):
        transformer.transform(signals_mv)
    with pytest.raises(InputError, match="not recordings of these leads"):
        transformer.fit(np.zeros((3, 1001)))
    with pytest.raises(InputError, match="shorter than one window"):
        transformer.fit(signals_mv[..., :100])
    with pytest.raises(ValueError, match="NaN"):
        transformer.fit(np.where(signals_mv > 1, np.nan, signals_mv))
    with pytest.raises(InputError, match="another form"):
        transformer.fit(signals_mv).transform(signals_mv[..., :500])
    with pytest.raises(InputError, match="batch_size"):
        clone(transformer).set_params(batch_size=0).fit(signals_mv)
