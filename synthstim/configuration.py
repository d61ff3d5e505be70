"""What a user sets once for all: ``config.yaml`` in the folder that the system keeps for it."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_config_path
from pydantic import Field

from synthstim.recipe.fields import Section
from synthstim.recipe.problems import validate
from synthstim.recipe.yaml_source import read_yaml


class Configuration(Section):
    """The user's settings.

    Attributes:
        protocols: folders that hold protocols of the user's; relative ones start at the configuration's folder.
    """

    protocols: list[str] = Field(default_factory=list)


def configuration_file() -> Path:
    """Where the user's configuration is; $SYNTHSTIM_CONFIG names another file."""
    return Path(os.environ.get("SYNTHSTIM_CONFIG") or user_config_path("synthstim", appauthor=False) / "config.yaml")


def folders_of_protocols() -> list[Path]:
    """The folders in which the user keeps protocols: of $SYNTHSTIM_PROTOCOLS, then of the configuration.

    Raises:
        InputError: the configuration is wrong.
    """
    path = configuration_file()
    configured = validate(read_yaml(path), Configuration).protocols if path.is_file() else []
    named = [part for part in os.environ.get("SYNTHSTIM_PROTOCOLS", "").split(os.pathsep) if part]
    return [Path(part).expanduser() for part in named] + [path.parent / Path(part).expanduser() for part in configured]
