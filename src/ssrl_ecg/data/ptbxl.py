"""PTB-XL (Wagner et al., Scientific Data 2020) in its published layout, versions 1.0.1 to 1.0.3.

Label sets follow Strodthoff et al. (IEEE JBHI 2021, "Deep Learning for ECG Analysis"): a statement counts whatever its
likelihood, 0 included, and the code is mapped by ``scp_statements.csv``. One difference: records on which none of a
set's classes was found stay in (a row of zeros, known), where the benchmark leaves them out.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.simulation_truth import PARAMETERS_FILE, SimulationTruth, masks_file
from ssrl_ecg.data.source import Layout, Record, SignalFile, Source, fingerprint_files
from ssrl_ecg.data.splits import nested_subsets, split_by_folds
from ssrl_ecg.data.wfdb_reader import read_wfdb
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import lead_order

if TYPE_CHECKING:
    import torch

DIAGNOSTIC_CLASSES = ("NORM", "MI", "STTC", "CD", "HYP")
"""The five superclasses, in the order in which every table and score has them."""

TABLE, STATEMENTS = "ptbxl_database.csv", "scp_statements.csv"
DURATION_S = 10

_PATH_COLUMNS = {100: "filename_lr", 500: "filename_hr"}
_REQUIRED = ("ecg_id", "patient_id", "scp_codes", "strat_fold", *_PATH_COLUMNS.values())
_REQUIRED_STATEMENTS = ("diagnostic", "form", "rhythm", "diagnostic_class", "diagnostic_subclass")
_MAX_CODES_LENGTH = 10_000


class PTBXL(Source):
    """PTB-XL at 100 or 500 Hz.

    Label sets: ``super`` (5 diagnostic superclasses), ``sub`` (23 subclasses), ``diag`` (44 diagnostic statements),
    ``form`` (19), ``rhythm`` (12), ``all`` (71): multilabel, classes sorted by name except ``super``. ``norm``:
    binary, whether NORM is among the superclasses, known where there is a superclass. ``super-single``: the superclass
    of the records that have exactly one; the others are not known. A record without a single statement is not known in
    any set.

    Args:
        root: the folder with ``ptbxl_database.csv``, ``scp_statements.csv``, ``records100`` and/or ``records500``.
        sampling_rate_hz: 100 or 500.

    Raises:
        InputError: another rate; or the folder of that rate's records is absent.
    """

    name: ClassVar[str] = "ptbxl"

    def __init__(self, root: str | Path, sampling_rate_hz: int = 100) -> None:
        if sampling_rate_hz not in _PATH_COLUMNS:
            raise InputError("PTB-XL comes at two rates", expected="100 or 500 Hz", found=f"{sampling_rate_hz} Hz")
        self.root = Path(root)
        self.expected = Layout(float(sampling_rate_hz), sampling_rate_hz * DURATION_S)
        self._path_column = _PATH_COLUMNS[sampling_rate_hz]
        self._records_folder = f"records{sampling_rate_hz}"
        if not self.root.is_dir():
            raise InputError("folder of PTB-XL is missing", file=self.root)
        if not (self.root / self._records_folder).is_dir():
            other = next(f"records{rate}" for rate in _PATH_COLUMNS if rate != sampling_rate_hz)
            hint = f"{other} is there: choose its sampling rate" if (self.root / other).is_dir() else None
            raise InputError(f"folder {self._records_folder} is missing", file=self.root, found=hint)

    def records(self) -> pd.DataFrame:
        """Return the table: the seam's four columns, then all of PTB-XL's own.

        Raises:
            InputError: see ``load_ptbxl_metadata``.
        """
        table = _read_table(self.root)
        seam = {
            "record_id": table["ecg_id"].astype(str),
            "patient_id": table["patient_id"],
            "fold": table["strat_fold"],
            "path": table[self._path_column].fillna("").astype(str),
        }
        return pd.DataFrame(seam).join(table.drop(columns=list(seam), errors="ignore"))

    def read(self, record: Record) -> SignalFile:
        """Return one record, leads in the file's order.

        Raises:
            InputError: the file is absent or damaged (see ``read_wfdb``), or lies outside the root.
        """
        path = record.path
        if not path or path.startswith(("/", "\\")) or ".." in path.replace("\\", "/").split("/"):
            raise InputError("not a path inside the data folder", field=self._path_column, found=path or "nothing")
        return read_wfdb(f"{self.root}/{path}")

    def label_sets(self, records: pd.DataFrame) -> dict[str, Labels]:
        """Return the eight label sets of these rows; a class keeps its column when none of the rows has it.

        Raises:
            InputError: ``scp_statements.csv`` cannot be used, or a record carries a code that it does not describe.
        """
        return _label_sets([_parse_codes(text) for text in records["scp_codes"]], _read_statements(self.root))

    def truth(self, records: pd.DataFrame) -> SimulationTruth | None:
        """Return what is known of these rows of a synthetic cohort; None for recordings.

        Raises:
            InputError: its files are damaged or of other records.
        """
        if not all((self.root / name).is_file() for name in self._truth_files):
            return None
        return SimulationTruth.of_tree(self.root, self.expected.sampling_rate_hz, records["ecg_id"].to_numpy(np.int64))

    @property
    def _truth_files(self) -> tuple[str, str]:
        return PARAMETERS_FILE, masks_file(self.expected.sampling_rate_hz)

    def fingerprint(self) -> str:
        """Return a hash of both tables and of the name, size and time of every file of this rate."""
        tables = [self.root / TABLE, self.root / STATEMENTS]
        for table in tables:
            _require_file(table)
        n_root = len(f"{self.root}/")
        walk = os.walk(self.root / self._records_folder)
        files = [f"{folder[n_root:]}/{name}" for folder, _, names in walk for name in names]
        files += [name for name in self._truth_files if (self.root / name).is_file()]
        return fingerprint_files(self.root, tables, files)


def load_ptbxl_metadata(root: str | Path) -> pd.DataFrame:
    """Load ``ptbxl_database.csv``.

    Args:
        root: PTB-XL's folder.

    Returns:
        One row per record, indexed by ``ecg_id``, in the file's order; ``patient_id`` as text without a decimal point,
        ``strat_fold`` as int, ``scp_codes`` as dict code -> likelihood in percent, the other columns as pandas reads
        them.

    Raises:
        InputError: the file is missing or unreadable, lacks a column, repeats an ``ecg_id``, or holds a value that is
            none.
    """
    table = _read_table(Path(root)).set_index("ecg_id")
    return table.assign(scp_codes=table["scp_codes"].map(lambda text: dict(_parse_codes(text))))


def make_default_splits(metadata: pd.DataFrame) -> dict[str, NDArray[np.int64]]:
    """Split by PTB-XL's recommended folds: 1-8 train, 9 validation, 10 test.

    Args:
        metadata: as ``load_ptbxl_metadata`` returns it.

    Returns:
        Row numbers under ``train_idx``, ``val_idx`` and ``test_idx``; no patient is in two of them.

    Raises:
        InputError: one of the parts is empty (named), or a patient is in two.
    """
    split = split_by_folds(metadata.rename(columns={"strat_fold": "fold"}), tuple(range(1, 9)), (9,), (10,))
    return {"train_idx": split.train, "val_idx": split.validation, "test_idx": split.test}


def sample_labelled_indices(
    train_idx: ArrayLike, labels: Labels, fraction: float, seed: int, *, patients: ArrayLike | None = None
) -> NDArray[np.int64]:
    """Choose a stratified fraction of the training rows; smaller fractions of one seed lie inside larger ones.

    Args:
        train_idx: (n,) row numbers to choose from.
        labels: labels of all records.
        fraction: in (0, 1].
        seed: which subset.
        patients: (record,) patient of each record, all of whose records are chosen or none; None: every record its own.

    Returns:
        Sorted row numbers, a subset of ``train_idx``.

    Raises:
        InputError: no labelled record is left, or the fraction is out of range.
    """
    owners = np.arange(len(labels)) if patients is None else np.asarray(patients)
    rows = np.asarray(train_idx, dtype=np.int64)
    return nested_subsets(labels, owners, [fraction], seed, rows=rows)[fraction]


class PTBXLRecordDataset:
    """PTB-XL read record by record from its files, as a map-style dataset for ``torch.utils.data.DataLoader``.

    Handy to look at single records; training reads from a store, which is some hundred times faster. (No torch base
    class: a ``DataLoader`` needs none, and naming the datasets must not load torch.)

    Args:
        root: PTB-XL's folder.
        rows: row numbers of ``load_ptbxl_metadata``; None: all.
        sampling_rate_hz: 100 or 500.
        label_set: name of a label set of ``PTBXL``.

    Raises:
        InputError: the tables cannot be used, or there is no such label set.
    """

    def __init__(
        self,
        root: str | Path,
        rows: ArrayLike | None = None,
        *,
        sampling_rate_hz: int = 100,
        label_set: str = "super",
    ) -> None:
        self.source = PTBXL(root, sampling_rate_hz)
        table = self.source.records()
        if rows is not None:
            table = table.iloc[np.asarray(rows, dtype=np.int64)]
        label_sets = self.source.label_sets(table)
        if label_set not in label_sets:
            raise InputError("unknown label set", expected=", ".join(sorted(label_sets)), found=label_set)
        self.labels = label_sets[label_set]
        self._records: Sequence[Record] = list(table.itertuples(index=False))  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, position: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (signal (12, n) float32 in mV in canonical lead order, labels (class,) float32).

        Raises:
            InputError: the record cannot be read.
        """
        import torch

        recording = self.source.read(self._records[position])
        signal_mv = recording.signal_mv[list(lead_order(recording.leads))]
        return torch.from_numpy(signal_mv), torch.from_numpy(self.labels.values[position].astype(np.float32))


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise InputError("file of PTB-XL is missing", file=path)


def _read_csv(path: Path, required: Sequence[str], index_column: int | None = None) -> pd.DataFrame:
    _require_file(path)
    try:
        table = pd.read_csv(path, index_col=index_column, low_memory=False)
    except (OSError, ValueError) as error:  # pandas' parser errors and UnicodeDecodeError are ValueErrors
        raise InputError(f"table cannot be read: {error}", file=path) from error
    missing = [column for column in required if column not in table.columns]
    if missing:
        raise InputError("table lacks a column", file=path, field=", ".join(missing))
    return table


def _read_table(root: Path) -> pd.DataFrame:
    """Read ``ptbxl_database.csv`` with ``ecg_id`` and ``strat_fold`` as int and ``patient_id`` as text."""
    path = root / TABLE
    table = _read_csv(path, _REQUIRED)
    for column in ("ecg_id", "patient_id", "strat_fold"):
        numbers = pd.to_numeric(table[column], errors="coerce")
        wrong = numbers.isna() | (numbers % 1 != 0)
        if wrong.any():
            found = table[column][wrong].iloc[0]
            raise InputError("value is not a whole number", file=path, field=column, found=found)
        table[column] = numbers.astype(np.int64)  # version 1.0.3 writes patient 13619 as 13619.0
    if table["ecg_id"].duplicated().any():
        found = table["ecg_id"][table["ecg_id"].duplicated()].iloc[0]
        raise InputError("record is listed twice", file=path, field="ecg_id", found=found)
    return table.assign(patient_id=table["patient_id"].astype(str))


def _read_statements(root: Path) -> pd.DataFrame:
    path = root / STATEMENTS
    statements = _read_csv(path, _REQUIRED_STATEMENTS, index_column=0)
    statements.index = statements.index.astype(str)
    superclasses = set(statements.loc[statements["diagnostic"] == 1, "diagnostic_class"])
    if superclasses - set(DIAGNOSTIC_CLASSES):
        found = ", ".join(map(str, superclasses - set(DIAGNOSTIC_CLASSES)))
        expected = ", ".join(DIAGNOSTIC_CLASSES)
        raise InputError("unknown superclass", file=path, field="diagnostic_class", expected=expected, found=found)
    return statements.sort_index()


@lru_cache(maxsize=4096)
def _parse_codes(text: object) -> tuple[tuple[str, float], ...]:
    """Return the (code, likelihood) pairs of a cell such as ``{'NORM': 100.0, 'SR': 0.0}``."""
    try:
        if not isinstance(text, str) or len(text) > _MAX_CODES_LENGTH:
            raise TypeError
        return tuple((str(code), float(likelihood)) for code, likelihood in ast.literal_eval(text).items())
    except (AttributeError, MemoryError, RecursionError, SyntaxError, TypeError, ValueError):
        raise InputError("codes are not a dictionary", file=TABLE, field="scp_codes", found=str(text)[:80]) from None


def _label_sets(codes: list[tuple[tuple[str, float], ...]], statements: pd.DataFrame) -> dict[str, Labels]:
    has_code = _code_matrix(codes, tuple(statements.index))
    is_annotated = np.array([bool(pairs) for pairs in codes])
    diagnostic = (statements["diagnostic"] == 1).to_numpy()
    mappings = {
        "super": statements["diagnostic_class"].where(diagnostic),
        "sub": statements["diagnostic_subclass"].where(diagnostic),
        "diag": statements.index.to_series().where(diagnostic),
        "form": statements.index.to_series().where((statements["form"] == 1).to_numpy()),
        "rhythm": statements.index.to_series().where((statements["rhythm"] == 1).to_numpy()),
        "all": statements.index.to_series(),
    }
    label_sets = {}
    for name, class_of_code in mappings.items():
        classes = DIAGNOSTIC_CLASSES if name == "super" else tuple(sorted(set(class_of_code.dropna())))
        columns = [has_code[:, (class_of_code == one).to_numpy()].any(axis=1) for one in classes]
        label_sets[name] = Labels(name, classes, np.stack(columns, axis=1).astype(np.uint8), is_annotated, "multilabel")
    return label_sets | _superclass_tasks(label_sets["super"].values)


def _superclass_tasks(superclasses: NDArray[np.uint8]) -> dict[str, Labels]:
    """Return the binary and the single-label set, from (record, superclass) values."""
    n_superclasses = superclasses.sum(axis=1)
    norm = superclasses[:, [DIAGNOSTIC_CLASSES.index("NORM")]]
    return {
        "norm": Labels("norm", ("NORM",), norm, n_superclasses > 0, "binary"),
        "super-single": Labels("super-single", DIAGNOSTIC_CLASSES, superclasses, n_superclasses == 1, "single"),
    }


def _code_matrix(codes: list[tuple[tuple[str, float], ...]], names: tuple[str, ...]) -> NDArray[np.bool_]:
    """Return (record, code) bool: whether the record carries the code, at whatever likelihood."""
    column = {name: number for number, name in enumerate(names)}
    matrix = np.zeros((len(codes), len(names)), dtype=np.bool_)
    for row, pairs in enumerate(codes):
        for code, _ in pairs:
            if code not in column:
                raise InputError("code is not described", file=STATEMENTS, field="scp_codes", found=code)
            matrix[row, column[code]] = True
    return matrix
