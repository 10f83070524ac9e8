from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ssrl_ecg.cli.provenance import describe_weights, refuse_seen, without_folders
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError


@pytest.fixture
def store(ssrl_ecg, data_flags, store_path) -> RecordStore:
    assert ssrl_ecg("data", "store", *data_flags).code == 0
    return RecordStore.open(store_path)


def _fold(store, *folds):
    return np.flatnonzero(np.isin(store.records["fold"], folds))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("/home/ann/data/PTB-XL", "PTB-XL"),
        ("ptbxl:/home/ann/PTB-XL", "ptbxl:PTB-XL"),
        ("--out=../ann/a.safetensors", "--out=a.safetensors"),
        ("1-8", "1-8"),
        (Path("/home/ann/store"), "store"),
        ({"a": ["x/y", 3, None]}, {"a": ["y", 3, None]}),
    ],
)
def test_records_name_no_folder_of_a_machine(given, kept):
    assert without_folders(given) == kept


def test_weights_are_not_judged_on_folds_they_have_seen(store):
    seen = describe_weights(["ssrl-ecg"], {}, store, _fold(store, 1, 2))
    refuse_seen(seen, store, {"test": _fold(store, 3)})
    with pytest.raises(InputError, match=r"test folds, expected other folds than 1, 2, found 2"):
        refuse_seen(seen, store, {"validation": _fold(store, 4), "test": _fold(store, 2, 3)})


def test_what_an_encoder_saw_counts_for_the_classifier_made_of_it(store):
    encoder = describe_weights(["pretrain"], {}, store, _fold(store, 1, 2))
    classifier = describe_weights(["finetune"], {}, store, _fold(store, 3), encoder)
    for fold in (1, 2, 3):
        with pytest.raises(InputError, match=f"found {fold}"):
            refuse_seen(classifier, store, {"test": _fold(store, fold)})
    refuse_seen(classifier, store, {"test": _fold(store, 4)})
    refuse_seen({}, store, {"test": _fold(store, 1)})


def test_other_data_may_be_judged_whatever_its_folds(store):
    seen = describe_weights(["pretrain"], {}, store, _fold(store, 1))
    seen["seen"][0]["root_name"] = "another-cohort"
    refuse_seen(seen, store, {"test": _fold(store, 1)})
