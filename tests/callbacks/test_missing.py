"""Without transformers."""

from __future__ import annotations

import importlib.util

import pytest

import heldout.callbacks
from heldout.errors import MissingExtra


@pytest.mark.skipif(importlib.util.find_spec("transformers") is not None, reason="transformers is installed")
def test_without_transformers_one_sentence_says_how_to_install_it() -> None:
    with pytest.raises(MissingExtra, match="pip install trl"):
        _ = heldout.callbacks.HeldoutCallback


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = heldout.callbacks.nothing
