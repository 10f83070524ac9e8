"""``ssrl-ecg segment apply``: where the waves of recordings begin and end, as a table and as a picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ssrl_ecg.cli.exits import DONE, INCOMPLETE
from ssrl_ecg.cli.file_options import FileOptions, Rejections
from ssrl_ecg.cli.parsing import parse
from ssrl_ecg.errors import InputError
from ssrl_ecg.files import atomic_path
from ssrl_ecg.predict.segmenter import MASK_RATE_HZ, Segmentation, Segmenter, waves_writer
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.signals.resample import resample
from ssrl_ecg.training.checkpoint import load_segmenter

_FORMS = {".csv": "csv", ".jsonl": "json"}


@dataclass(frozen=True, kw_only=True)
class SegmentApplyOptions(FileOptions):
    """Write onset and offset of every P wave, QRS complex and T wave in every lead. Research use, not a medical device.

    Times are in s from the recording's start; the grid is 2 ms. The exit code is 3 when recordings had to be left out.
    """

    checkpoint: Path
    """Checkpoint of a segmenter, written by ssrl-ecg segment train."""
    out: Path
    """File to write: .csv with a row per wave, .jsonl with an object per recording; beside it NAME.rejected.csv."""
    picture: Path | None = None
    """PNG, PDF or SVG of a single recording on ECG paper, the waves of each lead marked."""


def main(argv: list[str]) -> int:
    """Run the command; exit code 3 if recordings were left out."""
    options = parse(SegmentApplyOptions, argv, "ssrl-ecg segment apply")
    paths = options.recordings()
    if options.out.suffix not in _FORMS:
        raise InputError("unknown kind of file", file=options.out, expected=" or ".join(_FORMS),
                         found=options.out.suffix)  # fmt: skip
    if options.picture is not None and len(paths) != 1:
        raise InputError("a picture shows a single recording", field="--picture", expected=1, found=len(paths))
    segmenter = Segmenter(load_segmenter(options.checkpoint))
    n_waves = 0
    with (
        Rejections(options.out, len(paths)) as rejections,
        atomic_path(options.out) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        write = waves_writer("csv" if options.out.suffix == ".csv" else "json", file)
        for outcome in options.outcomes(segmenter, paths):
            if outcome.answer is None:
                rejections.add(outcome.path, outcome.rejected)
                continue
            write(outcome.path, outcome.answer)
            n_waves += len(outcome.answer.waves())
            if options.picture is not None:
                _draw(options, segmenter, outcome.path, outcome.answer)
    print(f"{options.out}: {n_waves} waves in {len(paths) - rejections.n_rejected} recordings")
    return INCOMPLETE if rejections.n_rejected else DONE


def _draw(options: SegmentApplyOptions, segmenter: Segmenter, path: Path, found: Segmentation) -> None:
    """Draw a recording at the masks' rate, leads that were not segmented without waves."""
    from ssrl_ecg.evaluation.ecg_paper import plot_ecg  # with matplotlib

    assert options.picture is not None
    prepared = segmenter.prepare(options.reader().read(path, options.duration_s))
    rate_hz = segmenter.checkpoint.preprocessing.sampling_rate_hz
    signal_mv = resample(prepared.signal_mv, rate_hz, MASK_RATE_HZ)
    nothing = np.zeros(signal_mv.shape[1], np.uint8)
    masks = np.stack([found.masks.get(lead, nothing) for lead in LEADS])
    figure = plot_ecg(signal_mv, MASK_RATE_HZ, title=path.stem, wave_mask=masks)
    with atomic_path(options.picture) as temporary:
        figure.savefig(temporary, format=options.picture.suffix[1:].lower() or "png", dpi=150)
    print(f"picture: {options.picture}")
