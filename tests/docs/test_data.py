"""The YAML and JSON blocks of the documents are what they are shown as."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import gemtune
from gemtune.specs import read_catalogue
from gemtune.specs.prices import read_prices
from tests.docs.blocks import sections

YAML, JSON = sections("yaml"), sections("json")


@pytest.mark.parametrize("section", YAML)
def test_yaml_is_a_spec_without_a_fault_or_a_catalogue(section: str, tmp_path: Path) -> None:
    for block in YAML[section]:
        if block.code.startswith(("models:", "fields:")):
            path = tmp_path / "models.yaml"
            path.write_text(block.code, encoding="utf-8")
            assert read_catalogue(path)
        elif block.code.startswith("prices:"):
            path = tmp_path / "prices.yaml"
            path.write_text(block.code, encoding="utf-8")
            assert read_prices(path)
        else:
            assert gemtune.check(gemtune.loads_spec(block.code, "yaml")) == []


@pytest.mark.parametrize("section", JSON)
def test_json_is_json(section: str) -> None:
    assert all(json.loads(block.code) for block in JSON[section])
