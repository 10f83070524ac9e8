"""The one exception a user's mistake or a bad file ends in."""

from __future__ import annotations

from pathlib import Path


class InputError(ValueError):
    """Something given to the toolkit cannot be used; ``str()`` is one readable line.

    The command line prints that line and leaves with exit code 2.

    Args:
        what: the problem in one sentence, without the file's name.
        file: the file or folder that is at fault.
        field: the column, header line, flag or key that is at fault.
        expected: what would have been accepted.
        found: what was there instead.
    """

    def __init__(
        self,
        what: str,
        *,
        file: str | Path | None = None,
        field: str | None = None,
        expected: object = None,
        found: object = None,
    ) -> None:
        self.what, self.file, self.field, self.expected, self.found = what, file, field, expected, found
        details = [
            f"{name} {value}"
            for name, value in (("field", field), ("expected", expected), ("found", found))
            if value is not None
        ]
        where = f"{file}: " if file is not None else ""
        tail = f" ({', '.join(details)})" if details else ""
        super().__init__(" ".join(f"{where}{what}{tail}".split()))
