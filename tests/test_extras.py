from __future__ import annotations

import json

import pytest

from ssrl_ecg.errors import InputError
from ssrl_ecg.extras import extra_package


def test_a_package_that_is_there_is_returned():
    assert extra_package("json", "x", "Things") is json
    assert extra_package("os.path", "x", "Things").join("a", "b") == "a/b"


def test_a_missing_package_is_named_with_its_extra():
    with pytest.raises(InputError) as error:
        extra_package("nowhere.inside", "x", "Things")
    assert str(error.value) == "Things need: pip install 'ssrl-ecg[x]' (found no nowhere)"
