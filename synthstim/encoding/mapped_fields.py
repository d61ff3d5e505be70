"""Receptive fields that a mapping session found: a table that stands above what read-outs say."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from synthstim.encoding.receptive_fields import COLUMNS
from synthstim.encoding.result import Fit
from synthstim.errors import InputError
from synthstim.responses.files import listed
from synthstim.responses.tables import read_text_table

PIXELS, DEGREES = ("x_px", "y_px", "diameter_px"), ("x_deg", "y_deg", "diameter_deg")
IMAGE_DEG = "image_deg"


def mapped_fields(path: str | Path, fitted: Sequence[str], shape: tuple[int, ...]) -> pd.DataFrame:
    """Receptive fields of fitted sites, by site, in the columns that a fit has.

    Args:
        path: a TSV or CSV with ``site`` and either ``x_px``, ``y_px``, ``diameter_px`` (pixels of the images, right of and above
            their centre), or ``x_deg``, ``y_deg``, ``diameter_deg`` in degrees from the centre of the images, with
            ``image_deg``, how many degrees their smaller side covered.
        fitted: names of the sites; others in the table are left.

    Raises:
        InputError: the table cannot be read, names a site twice or none that is fitted, or a field lies outside the image.

    Warns:
        UserWarning: it names sites that are not fitted.
    """
    table = read_text_table(path, text=("site",), needed=("site",))
    columns = next((names for names in (PIXELS, DEGREES) if set(names) <= set(table)), None)
    if columns is None or (columns == DEGREES and IMAGE_DEG not in table):
        raise InputError(
            f"{path} has the columns {', '.join(map(str, table))}; expected site and {', '.join(PIXELS)}, or"
            f" {', '.join((*DEGREES, IMAGE_DEG))}",
            code="missing",
        )
    sites = table["site"].astype(str)
    if not (known := sites.isin(list(fitted))).any():
        raise InputError(f"{path} names none of the fitted sites, but {listed(sites, 5)}", code="unknown")
    if not known.all():
        warnings.warn(f"{path}: {listed(sites[~known], 5)}: not fitted, its field is left", stacklevel=2)
        table, sites = table[known], sites[known]
    if sites.duplicated().any():
        raise InputError(f"{path}: {sites[sites.duplicated()].iloc[0]} appears twice", "remove one")
    height, width = shape[-2:]
    side = min(height, width)
    numbers = table[[*columns, *([IMAGE_DEG] if columns == DEGREES else [])]].apply(pd.to_numeric, errors="coerce")
    given = numbers[list(columns)].div(side if columns == PIXELS else numbers[IMAGE_DEG], axis=0)
    given.columns, given.index = pd.Index(COLUMNS), pd.Index(sites)
    inside = given["field_diameter"].between(0, 1, inclusive="right")
    inside &= (given["field_right"].abs() < width / side / 2) & (given["field_up"].abs() < height / side / 2)
    if len(outside := list(given.index[~inside])):
        raise InputError(
            f"{path}: the fields of {listed(outside, 5)} are not within the image",
            "give centres from the centre of the image, and diameters above 0 up to its smaller side",
        )
    return given


def with_fields(fit: Fit, fields: pd.DataFrame) -> Fit:
    """A fit whose receptive fields are those of ``mapped_fields``, where they have the site."""
    own = fit.table.set_index("site")
    own.loc[fields.index, list(COLUMNS)] = fields
    return replace(fit, table=own.reset_index())
