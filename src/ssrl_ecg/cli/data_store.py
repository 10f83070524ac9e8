"""``ssrl-ecg data store``: read a dataset once into a store."""

from __future__ import annotations

from dataclasses import dataclass

from ssrl_ecg.cli.data_options import DataOptions
from ssrl_ecg.cli.exits import DONE, INCOMPLETE
from ssrl_ecg.cli.parsing import parse


@dataclass(frozen=True, kw_only=True)
class StoreOptions:
    """Read every recording once into a store, unless an up-to-date one is there.

    Other commands do this by themselves. Records that cannot be used are listed in the store's rejected.csv with their
    reasons, and the exit code is then 3; it is 0 when every record is in the store.
    """

    data: DataOptions
    sampling_rate_hz: float = 100.0
    """Samples per second of the stored records; PTB-XL has 100 and 500."""


def main(argv: list[str]) -> int:
    """Run the command; exit code 3 if records were rejected."""
    options = parse(StoreOptions, argv, "ssrl-ecg data store")
    built = options.data.build(options.sampling_rate_hz)
    how = "built" if built.rebuilt else "was up to date"
    print(f"{built.store.path}: {how}, {len(built.store)} records")
    if built.n_rejected == 0:
        return DONE
    print(f"{built.n_rejected} records were rejected; their reasons: {built.store.path / 'rejected.csv'}")
    return INCOMPLETE
