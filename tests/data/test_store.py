from __future__ import annotations

import csv
import dataclasses
import errno
import json
import multiprocessing
import os
import pickle
import resource
import signal
import time

import numpy as np
import pytest

from ssrl_ecg.data import store as store_module
from ssrl_ecg.data.ptbxl import PTBXL
from ssrl_ecg.data.source import Layout, SignalFile
from ssrl_ecg.data.store import RecordStore, build_store
from ssrl_ecg.data.wfdb_reader import read_wfdb
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.signals.resample import resample


def with_sample(recording, value, lead=3, sample=7):
    changed = recording.signal_mv.copy()
    changed[lead, sample] = value
    return dataclasses.replace(recording, signal_mv=changed)


def rejected(store):
    with open(store.path / "rejected.csv", newline="") as file:
        return [tuple(row.values()) for row in csv.DictReader(file)]


def test_holds_what_the_source_gave(memory_source, signals_mv, tmp_path):
    result = build_store(memory_source, tmp_path / "deep" / "store")
    store = result.store
    assert (result.rebuilt, result.n_rejected, rejected(store)) == (True, 0, [])
    np.testing.assert_array_equal(store.signals_uv, np.rint(signals_mv * 1000))
    assert store.signals_uv.dtype == np.int16
    assert list(store.records["record_id"]) == ["000", "001", "002", "003", "004", "005"]
    assert list(store.records["patient_id"]) == ["p0", "p0", "p1", "p1", "p2", "p2"]
    assert store.records["fold"].tolist() == [1, 2, 3, 4, 5, 6]
    assert len(store) == 6


def test_facts_say_where_from_without_naming_a_folder_above(memory_source, tmp_path):
    store = build_store(memory_source, tmp_path / "store").store
    facts = json.loads((store.path / "facts.json").read_text())
    assert facts == json.loads(json.dumps(store.facts.to_dict()))
    assert (facts["source"], facts["root_name"], facts["source_fingerprint"]) == ("memory", "cohort", "1")
    assert (facts["n_records"], facts["n_samples"], facts["sampling_rate_hz"]) == (6, 100, 100.0)
    described = {"task": "multilabel", "classes": ["odd", "never"], "n_known": 5, "empty_classes": ["never"]}
    assert facts["label_sets"] == {"parity": described}
    for file in (file for file in store.path.rglob("*") if file.is_file()):
        assert str(tmp_path).encode() not in file.read_bytes()


def test_the_same_recordings_have_one_fingerprint_wherever_and_whenever_they_are_read(memory_source, tmp_path):
    first = build_store(memory_source, tmp_path / "store").store.facts
    memory_source.state, memory_source.root = "touched", tmp_path / "elsewhere" / "copy"
    again = build_store(memory_source, tmp_path / "store")
    assert again.rebuilt
    assert again.store.facts.source_fingerprint != first.source_fingerprint
    assert again.store.facts.fingerprint == first.fingerprint
    memory_source.recordings.append(InputError("broken"))
    assert build_store(memory_source, tmp_path / "with a bad one").store.facts.fingerprint == first.fingerprint


def test_another_sample_label_class_or_table_has_another_fingerprint(memory_source, tmp_path, monkeypatch):
    kind, seen = type(memory_source), [build_store(memory_source, tmp_path / "store").store.facts.fingerprint]
    labels, records = kind.label_sets, kind.records

    def relabelled(values, classes):
        def label_sets(self, table):
            return {"parity": dataclasses.replace(labels(self, table)["parity"], values=values, classes=classes)}

        return label_sets

    def changed(name):
        seen.append(build_store(memory_source, tmp_path / name).store.facts.fingerprint)

    values = np.zeros((6, 2), np.uint8)
    monkeypatch.setattr(kind, "label_sets", relabelled(values, ("odd", "never")))
    changed("labels")
    monkeypatch.setattr(kind, "label_sets", relabelled(values, ("odd", "rare")))
    changed("classes")
    monkeypatch.setattr(kind, "records", lambda self: records(self).assign(patient_id="one"))
    changed("table")
    signal_mv = memory_source.recordings[0].signal_mv
    signal_mv[3, 7] += 0.001
    changed("sample")
    assert len(set(seen)) == len(seen) == 5


def test_labels_return_as_they_were_and_an_unknown_set_names_the_known(memory_source, tmp_path):
    store = build_store(memory_source, tmp_path / "store").store
    given, stored = memory_source.label_sets(memory_source.records())["parity"], store.labels("parity")
    np.testing.assert_array_equal(stored.values, given.values)
    np.testing.assert_array_equal(stored.known, given.known)
    assert (stored.name, stored.classes, stored.task) == (given.name, given.classes, given.task)
    assert store.label_set_names == ("parity",)
    with pytest.raises(InputError, match=r"unknown label set .*expected parity, found super"):
        store.labels("super")


BAD = {
    "NaN": (lambda good: with_sample(good, np.nan), "NaN or infinite samples (found lead aVR)"),
    "infinite": (lambda good: with_sample(good, -np.inf), "NaN or infinite samples (found lead aVR)"),
    "rate": (lambda good: dataclasses.replace(good, sampling_rate_hz=99.0), "(expected 100 Hz, found 99 Hz)"),
    "length": (lambda good: dataclasses.replace(good, signal_mv=good.signal_mv[:, :99]), "found 99 samples)"),
    "lead count": (lambda good: SignalFile(good.signal_mv[:11], 100.0, LEADS[:11]), "another number of leads"),
    "unknown lead": (lambda good: dataclasses.replace(good, leads=(*LEADS[:11], "X")), "unknown lead 'X'"),
    "twice": (lambda good: dataclasses.replace(good, leads=(*LEADS[:11], "I")), "more than once: I"),
    "unreadable": (lambda good: InputError("broken", file="/secret/x", found="rust"), "broken (found rust)"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_record_is_listed_with_its_reason_and_the_rest_goes_on(memory_source, signals_mv, tmp_path, kind):
    spoil, reason = BAD[kind]
    memory_source.recordings[2] = spoil(memory_source.recordings[2])
    result = build_store(memory_source, tmp_path / "store")
    ((record_id, path, found),) = rejected(result.store)
    assert (result.n_rejected, result.store.facts.n_rejected) == (1, 1)
    assert (record_id, path) == ("002", "records/2")
    assert reason in found
    assert "secret" not in found
    kept = [0, 1, 3, 4, 5]
    np.testing.assert_array_equal(result.store.signals_uv, np.rint(signals_mv[kept] * 1000))
    assert result.store.records["path"].tolist() == [f"records/{k}" for k in kept]
    np.testing.assert_array_equal(result.store.labels("parity").values[:, 0], [0, 1, 1, 0, 1])


def test_many_rejections_leave_a_readable_array(tmp_path, memory_source, signals_mv):
    """The array's head is rewritten when the number of records is known: from 1,200 to 1."""
    good = memory_source.recordings[0]
    memory_source.recordings = [InputError("broken")] * 1199 + [good]
    store = build_store(memory_source, tmp_path / "store").store
    assert store.facts.n_rejected == 1199
    np.testing.assert_array_equal(np.load(store.path / "signals.npy"), np.rint(signals_mv[:1] * 1000))


def test_all_rejected_is_an_error_that_says_why(memory_source, tmp_path):
    memory_source.recordings = [InputError("broken")] * 3
    with pytest.raises(InputError, match=r"none of the 3 records can be used \(found 000: broken\)"):
        build_store(memory_source, tmp_path / "store")
    assert list(tmp_path.iterdir()) == []


def test_no_records_at_all_is_an_error(memory_source, tmp_path):
    memory_source.recordings = []
    with pytest.raises(InputError, match=r"none of the 0 records"):
        build_store(memory_source, tmp_path / "store")


def test_any_lead_order_and_spelling_becomes_canonical(memory_source, signals_mv, tmp_path):
    order = np.random.default_rng(3).permutation(12)
    for k, recording in enumerate(memory_source.recordings):
        leads = tuple(LEADS[lead].upper() for lead in order)
        memory_source.recordings[k] = SignalFile(recording.signal_mv[order], 100.0, leads)
    store = build_store(memory_source, tmp_path / "store").store
    np.testing.assert_array_equal(store.signals_uv, np.rint(signals_mv * 1000))


def test_clipped_values_and_flat_leads_are_counted_not_hidden(memory_source, tmp_path):
    loud = memory_source.recordings[1].signal_mv.copy()
    loud[0, :3], loud[5, 9], loud[6, 0], loud[7, 0] = 40.0, -33.0, 32.767, -32.767
    memory_source.recordings[1] = dataclasses.replace(memory_source.recordings[1], signal_mv=loud)
    still = memory_source.recordings[4].signal_mv.copy()
    still[2], still[9] = 0.0, -1.5
    memory_source.recordings[4] = dataclasses.replace(memory_source.recordings[4], signal_mv=still)
    store = build_store(memory_source, tmp_path / "store").store
    assert store.records["clipped_samples"].tolist() == [0, 4, 0, 0, 0, 0]
    assert store.records["flat_leads"].tolist() == [0, 0, 0, 0, 2, 0]
    facts = store.facts
    assert (facts.n_clipped_records, facts.n_clipped_samples, facts.n_flat_records) == (1, 4, 1)
    expected = [round(max(-32.767, min(32.767, float(value))) * 1000) for value in loud.ravel()]
    assert store.signals_uv[1].ravel().tolist() == expected


def test_another_rate_is_resampled_where_the_layout_says_so(memory_source, tmp_path):
    fast = np.random.default_rng(4).normal(size=(12, 500)).astype(np.float32)
    memory_source.recordings[3] = SignalFile(fast, 500.0, LEADS)
    memory_source.expected = Layout(100.0, 100, resample=True)
    store = build_store(memory_source, tmp_path / "store").store
    assert store.facts.n_rejected == 0
    np.testing.assert_array_equal(store.signals_uv[3], np.rint(resample(fast, 500.0, 100.0) * np.float32(1000)))


def test_rebuilt_only_when_the_source_or_the_layout_changed(memory_source, tmp_path):
    path = tmp_path / "store"
    assert build_store(memory_source, path).rebuilt
    before = (path / "signals.npy").stat().st_mtime_ns
    assert not build_store(memory_source, path).rebuilt
    assert (path / "signals.npy").stat().st_mtime_ns == before
    memory_source.state = "2"
    assert build_store(memory_source, path).rebuilt
    (path / "facts.json").write_text("{")
    assert build_store(memory_source, path).rebuilt
    assert [entry.name for entry in tmp_path.iterdir()] == ["store"]


def test_a_folder_that_is_no_store_is_never_replaced(memory_source, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="not a store and will not be replaced"):
        build_store(memory_source, tmp_path)
    with pytest.raises(InputError, match="not a store and will not be replaced"):
        build_store(memory_source, tmp_path / "thesis.tex")
    (tmp_path / "empty").mkdir()
    assert build_store(memory_source, tmp_path / "empty").rebuilt


def full_disk(*_args, **_kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("place", ["_npy_header", "_facts"])
def test_a_full_disk_leaves_the_old_store_and_nothing_else(memory_source, tmp_path, monkeypatch, place):
    old = build_store(memory_source, tmp_path / "store").store
    memory_source.state = "2"
    with monkeypatch.context() as patch:
        patch.setattr(store_module, place, full_disk)
        with pytest.raises(InputError, match="store cannot be written: No space left on device") as raised:
            build_store(memory_source, tmp_path / "store")
    assert "\n" not in str(raised.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["store"]
    assert RecordStore.open(old.path).facts == old.facts


def test_a_write_the_system_refuses_leaves_nothing(memory_source, tmp_path):
    """A real refusal in the middle of ``signals.npy``: the largest size of a file is limited to 5,000 bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    try:
        with pytest.raises(InputError, match="store cannot be written: File too large"):
            build_store(memory_source, tmp_path / "store")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_leaves_the_old_store_and_nothing_else(memory_source, tmp_path):
    old = build_store(memory_source, tmp_path / "store").store
    memory_source.state, memory_source.recordings[3] = "2", KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        build_store(memory_source, tmp_path / "store")
    assert [entry.name for entry in tmp_path.iterdir()] == ["store"]
    assert RecordStore.open(old.path).facts == old.facts


def test_what_a_killed_build_left_is_swept_by_the_next(memory_source, tmp_path, monkeypatch):
    def killed_at_third(record):
        if record.path == "records/3":
            os.kill(os.getpid(), signal.SIGKILL)
        return memory_source.recordings[0]

    with monkeypatch.context() as patch:
        patch.setattr(memory_source, "read", killed_at_third)
        process = multiprocessing.get_context("fork").Process(
            target=build_store, args=(memory_source, tmp_path / "store")
        )
        process.start()
        process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert not (tmp_path / "store").exists()
    assert len(list(tmp_path.iterdir())) == 1
    build_store(memory_source, tmp_path / "store")
    assert [entry.name for entry in tmp_path.iterdir()] == ["store"]


def test_builds_at_the_same_time_do_not_disturb_each_other(memory_source, signals_mv, tmp_path, monkeypatch):
    def slow(record):
        time.sleep(0.02)
        return memory_source.recordings[int(record.path[-1])]

    monkeypatch.setattr(memory_source, "read", slow)
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=build_store, args=(memory_source, tmp_path / "store")) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 4
    assert [entry.name for entry in tmp_path.iterdir()] == ["store"]
    np.testing.assert_array_equal(RecordStore.open(tmp_path / "store").signals_uv, np.rint(signals_mv * 1000))


def test_reads_rows_in_any_order_as_the_exact_millivolts(memory_source, signals_mv, tmp_path):
    store = build_store(memory_source, tmp_path / "store").store
    rows = np.array([4, 0, 4, 5, 1])
    read = store.read_mv(rows)
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, signals_mv[rows].astype(np.float32))
    np.testing.assert_array_equal(store.read_mv(3), signals_mv[[3]].astype(np.float32))
    assert store.read_mv([]).shape == (0, 12, 100)


@pytest.mark.parametrize("rows", [[-1], [6], [0.5], [True, False]])
def test_rows_that_are_none_are_refused(memory_source, tmp_path, rows):
    with pytest.raises(IndexError):
        build_store(memory_source, tmp_path / "store").store.read_mv(rows)


def test_a_pickled_store_is_a_path(memory_source, signals_mv, tmp_path):
    pickled = pickle.dumps(build_store(memory_source, tmp_path / "store").store)
    assert len(pickled) < 1000
    np.testing.assert_array_equal(pickle.loads(pickled).signals_uv, np.rint(signals_mv * 1000))


def truncate(path):
    path.write_bytes(path.read_bytes()[:-50])


def edit_facts(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


DAMAGE = {
    "facts cut": (lambda path: truncate(path / "facts.json"), "damaged"),
    "facts a list": (lambda path: (path / "facts.json").write_text("[]"), "another version"),
    "older": (lambda path: edit_facts(path / "facts.json", format_version=0), "another version"),
    "foreign key": (lambda path: edit_facts(path / "facts.json", colour="red"), "damaged"),
    "leads": (lambda path: edit_facts(path / "facts.json", leads=None), "damaged"),
    "count": (lambda path: edit_facts(path / "facts.json", n_records=5), "damaged"),
    "signals cut": (lambda path: truncate(path / "signals.npy"), "damaged"),
    "signals empty": (lambda path: (path / "signals.npy").write_bytes(b""), "damaged"),
    "signals gone": (lambda path: (path / "signals.npy").unlink(), "damaged"),
    "signals float": (lambda path: np.save(path / "signals.npy", np.zeros((6, 12, 100))), "damaged"),
    "signals objects": (lambda path: np.save(path / "signals.npy", np.array([{}])), "damaged"),
    "table cut": (lambda path: (path / "records.csv").write_text("record_id,patient_id,path\n1,2,3\n"), "damaged"),
    "table empty": (lambda path: (path / "records.csv").write_text(""), "damaged"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_store_is_one_line(memory_source, tmp_path, kind):
    path = build_store(memory_source, tmp_path / "store").store.path
    spoil, words = DAMAGE[kind]
    spoil(path)
    with pytest.raises(InputError, match=words) as raised:
        RecordStore.open(path)
    assert "\n" not in str(raised.value)
    assert build_store(memory_source, tmp_path / "store").rebuilt


@pytest.mark.parametrize("spoil", [truncate, lambda path: path.write_bytes(b""), lambda path: path.unlink()])
def test_damaged_labels_are_one_line(memory_source, tmp_path, spoil):
    store = build_store(memory_source, tmp_path / "store").store
    spoil(store.path / "labels" / "parity.npz")
    with pytest.raises(InputError, match="damaged"):
        store.labels("parity")


@pytest.mark.parametrize("folder", ["nowhere", "."])
def test_a_folder_without_a_store_is_one_line(tmp_path, folder):
    with pytest.raises(InputError, match="there is no store here"):
        RecordStore.open(tmp_path / folder)


@pytest.mark.real_data
def test_the_sample_as_a_store_is_the_sample(ptbxl_root, tmp_path):
    source = PTBXL(ptbxl_root)
    result = build_store(source, tmp_path / "store")
    assert (len(result.store), result.n_rejected, result.store.facts.n_clipped_samples) == (2277, 0, 0)
    rows = np.random.default_rng(0).integers(0, 2277, 100)
    read = result.store.read_mv(rows)
    for row, signal_mv in zip(rows, read, strict=True):
        np.testing.assert_array_equal(signal_mv, read_wfdb(ptbxl_root / result.store.records["path"][row]).signal_mv)
    assert not build_store(source, tmp_path / "store").rebuilt


@pytest.mark.real_data
def test_records_absent_at_500_hz_are_rejected_clearly(ptbxl_root, tmp_path):
    result = build_store(PTBXL(ptbxl_root, 500), tmp_path / "store")
    assert (len(result.store), result.n_rejected, result.store.facts.n_samples) == (120, 2157, 5000)
    assert {reason for _, _, reason in rejected(result.store)} == {"record header is missing"}
