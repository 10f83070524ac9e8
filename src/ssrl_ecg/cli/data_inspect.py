"""``ssrl-ecg data inspect``: what is in a dataset."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ssrl_ecg.cli.data_options import DataOptions
from ssrl_ecg.cli.exits import DONE
from ssrl_ecg.cli.parsing import parse
from ssrl_ecg.data.inspect import inspect_store
from ssrl_ecg.data.inspect_plot import plot_inspection
from ssrl_ecg.files import jsonable


@dataclass(frozen=True, kw_only=True)
class InspectOptions:
    """Count patients, folds, classes and missing files, find recordings that look wrong, draw it all on one page."""

    data: DataOptions
    sampling_rate_hz: float = 100.0
    """Samples per second at which the recordings are read; PTB-XL has 100 and 500."""
    picture: Path | None = None
    """PNG, PDF or SVG to draw; without it NAME.png beside the store NAME."""
    json: bool = False
    """Print JSON instead of text."""


def main(argv: list[str]) -> int:
    """Run the command."""
    options = parse(InspectOptions, argv, "ssrl-ecg data inspect")
    store = options.data.build(options.sampling_rate_hz).store
    inspection = inspect_store(store, progress=True)
    picture = options.picture or store.path.with_name(f"{store.path.name}.png")
    plot_inspection(inspection, picture)
    if options.json:
        print(json.dumps(jsonable(inspection.to_dict()), indent=1, ensure_ascii=False))
    else:
        print(f"{inspection.to_text()}\nstore: {store.path}\npicture: {picture}")
    return DONE
