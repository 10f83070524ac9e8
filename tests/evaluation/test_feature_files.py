import numpy as np
import pytest

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.feature_files import MAX_DIMENSION, read_features

RECORDS = np.array(["10", "2", "33", "4", "5"])
NEEDED = np.array([0, 2, 4])


@pytest.fixture
def write(tmp_path):
    """Write an array and ids; return the two paths."""

    def write(array, ids, header="record_id"):
        np.save(tmp_path / "f.npy", array, allow_pickle=True)
        (tmp_path / "ids.csv").write_text("\n".join([header, *ids]) + "\n")
        return tmp_path / "f.npy", tmp_path / "ids.csv"

    return write


@pytest.mark.parametrize("kind", ["f2", "f4", "f8", ">f4"])
def test_rows_go_where_their_ids_say(write, kind):
    array = np.arange(12, dtype=kind).reshape(4, 3)
    found = read_features(*write(array, ["5", "33", "2", "10"]), RECORDS, NEEDED)
    assert found.dtype == np.float32
    assert found[[4, 2, 1, 0]].tolist() == array.astype(float).tolist()
    assert np.isnan(found[3]).all()


def test_a_column_of_ids_is_found_by_its_name(write):
    paths = write(np.zeros((3, 2), np.float32), ["a,10", "b,33", "c,5"], header="note,record_id")
    assert np.isnan(read_features(*paths, RECORDS, NEEDED)).any(axis=1).tolist() == [False, True, False, True, False]


@pytest.mark.parametrize(
    ("array", "ids", "message"),
    [
        (np.zeros((3, 2)), ["10", "33", "99"], r"ids\.csv: 1 ids are of no record.*found 99"),
        (np.zeros((3, 2)), ["10", "33", "010"], "no record"),
        (np.zeros((4, 2)), ["10", "33", "5", "33"], r"ids\.csv: 1 ids are given twice.*found 33"),
        (np.zeros((2, 2)), ["10", "33"], r"1 training or test records are missing, for example 5.*expected all 3"),
        (np.zeros((4, 2)), ["10", "33", "5"], r"f\.npy: has not one row per id.*expected 3 rows.*found 4"),
        (np.zeros((3, 2), int), ["10", "33", "5"], r"another type.*found int64"),
        (np.zeros((3, 2), complex), ["10", "33", "5"], "another type"),
        (np.zeros(3), ["10", "33", "5"], r"another shape.*found \(3,\)"),
        (np.zeros((3, 0)), ["10", "33", "5"], "another shape"),
        (np.array([[1.0], [np.nan], [2.0]]), ["10", "33", "5"], r"not finite.*1 records, for example 33"),
        (np.array([[1.0], [2.0], [-np.inf]]), ["10", "33", "5"], r"not finite.*for example 5"),
        (np.array([[1.0], [1e300], [2.0]]), ["10", "33", "5"], "not finite in 32 bits"),
        (np.array([[{}], [None], [1]], dtype=object), ["10", "33", "5"], r"no NumPy array.*pickled"),
        (np.broadcast_to(np.float16(0), (3, MAX_DIMENSION + 1)), ["10", "33", "5"], r"too large.*found 16385"),
    ],
)
def test_what_does_not_fit_is_one_line(write, array, ids, message):
    with pytest.raises(InputError, match=message) as caught:
        read_features(*write(array, ids), RECORDS, NEEDED)
    assert "\n" not in str(caught.value)


def test_an_object_array_is_refused_without_being_read(write, tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    array = np.empty((3, 1), dtype=object)
    array[:] = Trap()
    with pytest.raises(InputError, match="pickled objects are never read"):
        read_features(*write(array, ["10", "33", "5"]), RECORDS, NEEDED)
    assert not (tmp_path / "sprung").exists()


def test_other_files_are_named(write, tmp_path):
    features, ids = write(np.zeros((3, 2)), ["10", "33", "5"], header="record")
    with pytest.raises(InputError, match=r"ids\.csv: a column is missing.*expected record_id, found record"):
        read_features(features, ids, RECORDS, NEEDED)
    features, ids = write(np.zeros((3, 2)), ["10", "33", "5"])
    with pytest.raises(InputError, match=r"none\.npy: cannot be read"):
        read_features(tmp_path / "none.npy", ids, RECORDS, NEEDED)
    with pytest.raises(InputError, match=r"none\.csv: cannot be read"):
        read_features(features, tmp_path / "none.csv", RECORDS, NEEDED)
    np.savez(tmp_path / "many.npz", a=np.zeros((3, 2)))
    with pytest.raises(InputError, match="archive"):
        read_features(tmp_path / "many.npz", ids, RECORDS, NEEDED)
    features.write_bytes(features.read_bytes()[:-8])
    with pytest.raises(InputError, match=r"f\.npy: is no NumPy array"):
        read_features(features, ids, RECORDS, NEEDED)
    features.write_bytes(b"")
    with pytest.raises(InputError, match=r"f\.npy"):
        read_features(features, ids, RECORDS, NEEDED)
    (tmp_path / "empty.csv").write_text("")
    write(np.zeros((3, 2)), [])
    with pytest.raises(InputError, match=r"empty\.csv: is no CSV"):
        read_features(tmp_path / "f.npy", tmp_path / "empty.csv", RECORDS, NEEDED)
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00record_id")
    with pytest.raises(InputError, match=r"bytes\.csv"):
        read_features(tmp_path / "f.npy", tmp_path / "bytes.csv", RECORDS, NEEDED)
