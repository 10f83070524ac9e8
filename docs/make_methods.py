"""Write docs/methods.md: what each self-supervised method is, what it needs, and every setting with its source.

Everything is read from the code. Run ``python docs/make_methods.py`` after changing a method or a preset; ``--check``
only says whether the file is current.
"""

from __future__ import annotations

import ast
import inspect
import sys
from dataclasses import MISSING, Field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

from generated import table, write_or_check

from ssrl_ecg.augmentations.recipes import RECIPES
from ssrl_ecg.cli.presets import preset
from ssrl_ecg.cli.run_training import TITLES
from ssrl_ecg.methods import METHODS

TARGET = Path(__file__).with_name("methods.md")

HEAD = """# Methods

Self-supervised methods of `ssrl-ecg pretrain METHOD`, read from the code by `docs/make_methods.py`. Each is one file
of `src/ssrl_ecg/methods`. What they are worth with few labels stands in [leaderboard.md](leaderboard.md), their
augmentations in [augmentations.md](augmentations.md), their encoders in [encoders.md](encoders.md). By default each
costs about as much as SimCLR's 60 passes over the PTB-XL sample.
"""


def title(name: str) -> str:
    """Name of a method in tables."""
    return TITLES.get(name, name)


def views(name: str) -> str:
    """Say in words which views a method sees by default."""
    kind = METHODS[name]
    plan = kind(preset(name).encoder_options().build(), kind.Config()).plan
    windows = f"{plan.windows} {'adjacent ' if plan.adjacent else ''}window{'s' if plan.windows > 1 else ''}"
    return windows if plan.views_per_window == 1 else f"{windows}, {plan.views_per_window} views of each"


def row(name: str) -> tuple[str, ...]:
    """Return a method's line of the overview."""
    kind, chosen = METHODS[name], preset(name)
    needs = ", ".join(sorted(kind.needs)) or "–"
    schedule = f"{chosen.schedule.epochs} x {chosen.schedule.batch_size}"
    augmented = chosen.recipe if RECIPES[chosen.recipe]().augmentations else "–"
    return f"[{title(name)}](#{name})", f"`{name}`", f"`{chosen.encoder}`", views(name), augmented, needs, schedule


def field_texts(kind: type[Any]) -> dict[str, str]:
    """Read the string below each field of a dataclass and of its bases, the nearest first."""
    texts: dict[str, str] = {}
    for base in kind.__mro__:
        if base is object or not base.__module__.startswith("ssrl_ecg"):
            continue
        body = ast.parse(inspect.getsource(base)).body[0].body  # type: ignore[attr-defined]
        for node, following in pairwise(body):
            if isinstance(node, ast.AnnAssign) and isinstance(following, ast.Expr):
                texts.setdefault(node.target.id, " ".join(str(following.value.value).split()))  # type: ignore[union-attr, attr-defined]
    return texts


def default_of(field: Field[Any]) -> str:
    """Default of a field as the command line shows it."""
    return "–" if field.default is MISSING else f"`{field.default}`"


def section(name: str) -> str:
    """Describe one method: its file's docstring and its settings."""
    kind = METHODS[name]
    text = inspect.cleandoc(inspect.getmodule(kind).__doc__ or "").replace("``", "`")
    texts = field_texts(kind.Config)
    lines = [
        (f"`--{field.name.replace('_', '-')}`", default_of(field), texts[field.name].replace("``", "`"))
        for field in fields(kind.Config)
    ]
    settings = "\n".join(table(("setting", "default", "what"), lines))
    return f'<a id="{name}"></a>\n## {title(name)}\n\n{text}\n\n{settings}\n'


def document() -> str:
    """Return the whole page."""
    head = ("method", "command", "encoder", "sees", "augmentations", "must be told", "passes x batch")
    overview = table(head, [row(name) for name in METHODS])
    return "\n".join([HEAD, *overview, "", *(section(name) for name in METHODS)])


if __name__ == "__main__":
    sys.exit(write_or_check(sys.argv[1:], TARGET, document))
