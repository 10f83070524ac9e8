"""Fill a module that a file describes with the tensors of that file, at no cost before they are known to fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ssrl_ecg.errors import InputError

_Module = TypeVar("_Module", bound=nn.Module)


class _NothingDrawn(TorchFunctionMode):
    """Initial weights are not drawn: without memory they have no values, and torch would load its compiler for them."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Leave the tensor of an in-place draw as it is."""
        drawn = args and func.__name__ in ("normal_", "uniform_")
        return args[0] if drawn else func(*args, **(kwargs or {}))


def filled(build: Callable[[], _Module], tensors: Mapping[str, Tensor]) -> _Module:
    """Build a module, fill it with the tensors and put it into eval mode.

    It is built without memory first, so that a file that promises a huge network costs nothing.

    Args:
        build: makes the module; called twice.
        tensors: name -> values, all that the module's state holds and nothing else.

    Returns:
        The module on the CPU, in eval mode; torch's global generator is where it was.

    Raises:
        InputError: a tensor is missing, superfluous or of another shape; the field names it.
    """
    with torch.device("meta"), _NothingDrawn():
        planned = build()
    wanted = {name: tuple(value.shape) for name, value in planned.state_dict().items()}
    given = {name: tuple(value.shape) for name, value in tensors.items()}
    for name in sorted({*wanted, *given}):
        if wanted.get(name) != given.get(name):
            what = f"the weights do not fit {type(planned).__name__}"
            expected, found = wanted.get(name, "no such tensor"), given.get(name, "no such tensor")
            raise InputError(what, field=name, expected=expected, found=found)
    with torch.random.fork_rng(devices=[]):
        module = build()
    module.load_state_dict(dict(tensors))
    return module.eval()
