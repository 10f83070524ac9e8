from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import roc_auc_score

from ssrl_ecg.errors import InputError
from ssrl_ecg.training.selection import check_validations, validation_auroc

ROWS = np.arange(1, 50)


@pytest.fixture
def random():
    return np.random.default_rng(2)


@pytest.mark.parametrize("name", ["both", "has_a"])
def test_it_is_the_macro_auroc(name, store, random):
    labels = store.labels(name)
    logits = random.standard_normal((len(ROWS), len(labels.classes)))
    assert validation_auroc(labels, ROWS, logits) == pytest.approx(roc_auc_score(labels.values[ROWS], logits))


def test_an_undefined_class_is_left_out(store, random):
    logits = random.standard_normal((len(ROWS), 3))
    expected = validation_auroc(store.labels("both"), ROWS, logits[:, :2])
    assert validation_auroc(store.labels("rare"), ROWS, logits) == expected
    assert np.isnan(validation_auroc(store.labels("nothing"), ROWS, logits[:, :1]))


def test_single_label_logits_may_be_shifted_per_record(store, random):
    labels = store.labels("which")
    logits = random.standard_normal((len(ROWS), 4)).astype(np.float32)
    expected = roc_auc_score(labels.values[ROWS], softmax(logits.astype(float), axis=1))
    shifted = logits + 100 * random.standard_normal((len(ROWS), 1))
    assert validation_auroc(labels, ROWS, logits) == pytest.approx(expected)
    assert validation_auroc(labels, ROWS, shifted) == pytest.approx(expected)


def test_sets_that_cannot_be_looked_at_are_refused(store):
    labels = store.labels("both")
    with pytest.raises(InputError, match="has no records"):
        check_validations(labels, {"fold 8": ROWS, "fold 9": ROWS[:0]})
    with pytest.raises(InputError, match="without a label"):
        check_validations(labels, {"fold 9": np.arange(5)})


def test_a_set_that_cannot_choose_is_named(store):
    with pytest.warns(UserWarning, match="validation set fold 9: no class has positives and negatives"):
        check_validations(store.labels("nothing"), {"fold 9": ROWS})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_validations(store.labels("rare"), {"fold 9": ROWS})
