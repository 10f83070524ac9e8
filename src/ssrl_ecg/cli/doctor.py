"""``ssrl-ecg doctor``: is everything there that a run needs?"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from ssrl_ecg.cli.data_options import DataOptions
from ssrl_ecg.cli.exits import DONE, REFUSED
from ssrl_ecg.cli.parsing import parse
from ssrl_ecg.evaluation.checkup import Finding, check_data, check_installation, check_machine

_SIGNS = {"ok": "ok  ", "note": "note", "problem": "BAD "}


@dataclass(frozen=True, kw_only=True)
class DoctorOptions(DataOptions):
    """Check packages and extras, threads and devices, disk and permission to write and, with --data, the recordings.

    Nothing is built or kept. The exit code is 2 if something would end a run.
    """

    data: str = ""
    """Folder of PTB-XL, or KIND:FOLDER, as for every other command; without it data are not looked at."""
    sampling_rate_hz: float = 100.0
    """Rate at which recordings would be read."""
    out: Path = Path()
    """Folder that results would be written to."""


def main(argv: list[str]) -> int:
    """Run the command; exit code 2 if there is a problem."""
    options = parse(DoctorOptions, argv, "ssrl-ecg doctor")
    findings: list[Finding] = []
    looks = [check_installation(), check_machine(options.out)]
    if options.data:
        looks.append(check_data(options.source(options.sampling_rate_hz)))
    for finding in chain.from_iterable(looks):
        findings.append(finding)
        print(f"{_SIGNS[finding.level]}  {finding.subject}: {finding.words}", flush=True)
    n_problems = sum(finding.level == "problem" for finding in findings)
    print("nothing is wrong" if n_problems == 0 else f"{n_problems} to be mended")
    return REFUSED if n_problems else DONE
