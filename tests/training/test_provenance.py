from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ssrl_ecg.data.combined import CombinedStore
from ssrl_ecg.data.ptbxl import PTBXL
from ssrl_ecg.data.store import RecordStore, build_store
from ssrl_ecg.data.synthetic import write_synthetic_ptbxl
from ssrl_ecg.errors import InputError
from ssrl_ecg.training.provenance import data_facts, describe_weights, refuse_seen


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return write_synthetic_ptbxl(tmp_path_factory.mktemp("home-of-ann") / "synthetic", 40, seed=1)


@pytest.fixture(scope="module")
def store(root, tmp_path_factory) -> RecordStore:
    return build_store(PTBXL(root, 100), tmp_path_factory.mktemp("store") / "synthetic").store


def _fold(store, *folds):
    return np.flatnonzero(np.isin(store.records["fold"], folds))


def test_data_are_named_without_the_folders_above_them(store, root):
    facts = data_facts(store)
    assert (facts["source"], facts["root_name"], facts["n_records"]) == ("ptbxl", "synthetic", len(store))
    assert facts["fingerprint"]
    found = describe_weights(["ssrl-ecg", f"--data=ptbxl:{root}", "--out", "../ann/a"], {}, store, _fold(store, 1))
    assert found["command"] == ["ssrl-ecg", "--data=ptbxl:synthetic", "--out", "a"]
    assert "ann" not in json.dumps(found)


def test_weights_are_not_judged_on_folds_they_have_seen(store):
    seen = describe_weights(["ssrl-ecg"], {}, store, _fold(store, 1, 2))
    assert seen["seen"][0]["folds"] == [1, 2]
    assert seen["seen"][0]["chosen_on"] == []
    refuse_seen(seen, store, test=_fold(store, 3))
    with pytest.raises(InputError, match=r"test folds, expected other folds than 1, 2, found 2"):
        refuse_seen(seen, store, validation=_fold(store, 4), test=_fold(store, 2, 3))
    with pytest.raises(InputError, match=r"trained on .*validation folds, expected other folds than 1, 2, found 1"):
        refuse_seen(seen, store, validation=_fold(store, 1), test=_fold(store, 3))


def test_weights_of_several_collections_have_seen_each(store, tmp_path):
    other = build_store(PTBXL(write_synthetic_ptbxl(tmp_path / "other", 40, seed=2), 100), tmp_path / "store").store
    both = CombinedStore.of([other, store])
    assert [one["root_name"] for one in data_facts(both)["collections"]] == ["other", "synthetic"]
    seen = describe_weights(["pretrain"], {}, both, np.concatenate([_fold(other, 1, 2), len(other) + _fold(store, 3)]))
    assert [(one["root_name"], one["folds"]) for one in seen["seen"]] == [("other", [1, 2]), ("synthetic", [3])]
    refuse_seen(seen, store, test=_fold(store, 1))
    with pytest.raises(InputError, match="found 3"):
        refuse_seen(seen, store, test=_fold(store, 3))


def test_weights_are_not_tested_on_folds_they_were_chosen_on_but_may_be_chosen_on_again(store):
    chosen = describe_weights(["finetune"], {}, store, _fold(store, 1), chosen_on=_fold(store, 9))
    assert chosen["seen"][0]["chosen_on"] == [9]
    refuse_seen(chosen, store, validation=_fold(store, 9), test=_fold(store, 10))
    with pytest.raises(InputError, match=r"chosen on .*test folds, expected other folds than 9, found 9") as refusal:
        refuse_seen(chosen, store, test=_fold(store, 9, 10))
    assert "\n" not in str(refusal.value)
    again = describe_weights(["finetune"], {}, store, _fold(store, 2), chosen_on=_fold(store, 8), earlier=chosen)
    for fold in (8, 9):
        with pytest.raises(InputError, match=f"other folds than 8, 9, found {fold}"):
            refuse_seen(again, store, test=_fold(store, fold))


def test_what_an_encoder_saw_counts_for_the_classifier_made_of_it(store):
    encoder = describe_weights(["pretrain"], {}, store, _fold(store, 1, 2))
    classifier = describe_weights(["finetune"], {}, store, _fold(store, 3), earlier=encoder)
    for fold in (1, 2, 3):
        with pytest.raises(InputError, match=f"found {fold}"):
            refuse_seen(classifier, store, test=_fold(store, fold))
    refuse_seen(classifier, store, test=_fold(store, 4))
    assert classifier["started_from"] == encoder


def test_weights_without_such_a_record_are_not_refused(store):
    refuse_seen({}, store, validation=_fold(store, 1), test=_fold(store, 1))
    older = describe_weights(["pretrain"], {}, store, _fold(store, 1))
    del older["seen"][0]["chosen_on"]
    refuse_seen(older, store, test=_fold(store, 9))


def test_other_data_may_be_judged_whatever_its_folds(store):
    seen = describe_weights(["pretrain"], {}, store, _fold(store, 1), chosen_on=_fold(store, 2))
    seen["seen"][0]["root_name"] = "another-cohort"
    refuse_seen(seen, store, test=_fold(store, 1, 2))
