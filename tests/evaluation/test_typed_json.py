from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.typed_json import decode_dataclass


@dataclass(frozen=True)
class Leaf:
    value: float
    count: int = 0


@dataclass(frozen=True)
class Tree:
    name: str
    leaf: Leaf
    kind: Literal["a", "b"] = "a"
    pair: tuple[float, float] = (0.0, 1.0)
    leaves: tuple[Leaf, ...] = ()
    by_fold: dict[int, float] = field(default_factory=dict)
    note: str | None = None
    flag: bool = False
    anything: Any = None


FULL = {
    "name": "oak",
    "leaf": {"value": 1, "count": 2},
    "kind": "b",
    "pair": [0.5, None],
    "leaves": [{"value": 0.5}],
    "by_fold": {"7": 0.25},
    "note": None,
    "flag": True,
    "anything": [{"x": 1}],
}


def test_every_kind_of_field_comes_back():
    tree = decode_dataclass(Tree, json.loads(json.dumps(FULL)), "tree")
    assert tree.leaf == Leaf(1.0, 2)
    assert isinstance(tree.leaf.value, float)
    assert (tree.kind, tree.leaves, tree.by_fold, tree.flag) == ("b", (Leaf(0.5),), {7: 0.25}, True)
    assert tree.pair[0] == 0.5
    assert math.isnan(tree.pair[1])
    assert tree.anything == [{"x": 1}]


def test_defaults_fill_what_is_missing():
    assert decode_dataclass(Tree, {"name": "oak", "leaf": {"value": 1.5}}, "tree") == Tree("oak", Leaf(1.5))


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"colour": 1}, "tree.colour"),
        ({"name": 3}, "tree.name"),
        ({"leaf": []}, "tree.leaf"),
        ({"leaf": {"value": "high"}}, "tree.leaf.value"),
        ({"leaf": {}}, "tree.leaf.value"),
        ({"leaf": {"value": 1.0, "count": True}}, "tree.leaf.count"),
        ({"leaf": {"value": 1.0, "count": 1.5}}, "tree.leaf.count"),
        ({"kind": "c"}, "tree.kind"),
        ({"pair": [1.0]}, "tree.pair"),
        ({"pair": 1.0}, "tree.pair"),
        ({"leaves": [{"value": 1.0}, {"value": []}]}, "tree.leaves[1].value"),
        ({"by_fold": {"seven": 1.0}}, "tree.by_fold"),
        ({"by_fold": [1.0]}, "tree.by_fold"),
        ({"note": 5}, "tree.note"),
    ],
)
def test_message_names_the_place(change, place):
    with pytest.raises(InputError) as caught:
        decode_dataclass(Tree, FULL | change, "tree")
    assert caught.value.field == place
    assert "\n" not in str(caught.value)
