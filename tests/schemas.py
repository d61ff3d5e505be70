"""Writes docs/schemas/: JSON schemas of the files that people write, from the models that check them: ``python tests/schemas.py``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from synthstim.experiment.design.schema import Design
from synthstim.experiment.protocol import Protocol
from synthstim.experiment.rig import Rig
from synthstim.recipe import Recipe

FOLDER = Path(__file__).parents[1] / "docs" / "schemas"
MODELS: dict[str, type[BaseModel]] = {"recipe": Recipe, "protocol": Protocol, "design": Design, "rig": Rig}


def schema_of(name: str) -> dict[str, Any]:
    """The schema of a kind of file."""
    made = MODELS[name].model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": name} | made


def text_of(name: str) -> str:
    """The text of its file."""
    return json.dumps(schema_of(name), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in MODELS:
        (FOLDER / f"{name}.json").write_text(text_of(name), encoding="utf-8")
