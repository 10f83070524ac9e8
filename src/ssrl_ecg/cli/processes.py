"""One voice for several processes: under a strategy such as ddp, each of them runs the whole command."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

from ssrl_ecg.files import discarding
from ssrl_ecg.training.loop import Compute, process_rank


@contextmanager
def first_process_speaks(compute: Compute) -> Iterator[bool]:
    """Let only the first process of a training print, write and remove files; the others compute along.

    What ends a process is still reported by each of them.

    Args:
        compute: how many processes there are; with a single one there is nothing to silence, whatever its rank in
            anything else.

    Yields:
        Whether this is the first process.
    """
    if compute.devices == 1 or process_rank() == 0:
        yield True
        return
    with (
        open(os.devnull, "w", encoding="utf-8") as nowhere,
        redirect_stdout(nowhere),
        redirect_stderr(nowhere),
        discarding(),
    ):
        yield False
