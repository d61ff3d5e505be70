"""The light that a display makes of its pixel values: measured levels, a monotone curve through them, and its inverse."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import ConfigDict, Field, ValidationInfo, model_validator

from synthstim.errors import InputError
from synthstim.recipe.fields import Section
from synthstim.recipe.problems import problem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from scipy.interpolate import PchipInterpolator

    Array = NDArray[np.floating]

COLUMNS = ("level", "cd_m2")
FEWEST = 4
# What the coding of sRGB stands for, IEC 61966-2-1; the models' tensors are not needed for a curve of 256 levels.
_SRGB_LINEAR_BELOW = 0.04045


def _or_a_file(schema: dict[str, Any]) -> None:
    schema["properties"]["file"] = {"type": "string", "title": "File"}
    schema["oneOf"] = [{"required": schema.pop("required")}, {"required": ["file"]}]


class LuminanceTable(Section):
    """Luminance in cd/m2 measured at some of the pixel levels 0 to 255, from the first to the last.

    Between them it is interpolated by a monotone cubic (Fritsch & Carlson 1980), so that every luminance from the darkest to
    the brightest has one level. It is measured with grey (red = green = blue); each channel is taken to follow the same curve.

    Example:
        >>> table = LuminanceTable(levels=(0, 64, 128, 255), cd_m2=(0.4, 5.9, 25.8, 110.4))
        >>> round(float(table.cd_m2_at(128 / 255)), 1), round(float(table.value_for(0.5)), 2)
        (25.8, 0.72)
    """

    model_config = ConfigDict(json_schema_extra=_or_a_file)

    levels: Annotated[tuple[float, ...], Field(strict=False)]
    cd_m2: Annotated[tuple[float, ...], Field(strict=False)]

    @model_validator(mode="before")
    @classmethod
    def _from_file(cls, given: Any, info: ValidationInfo) -> Any:
        if not isinstance(given, dict) or "file" not in given:
            return given
        name, folder = str(given["file"]), (info.context or {}).get("folder") or Path(".")
        if len(given) > 1:
            raise problem("has a file and more: give the file alone, or levels and cd_m2")
        if Path(name).name != name:
            raise problem(f"names the file {name!r}: put it beside rig.yaml, and give its name alone")
        try:
            # Pandas and scipy take a second to import, and most rigs have no table.
            from synthstim.responses.tables import read_text_table

            frame = read_text_table(Path(folder) / name, needed=COLUMNS)
        except InputError as error:
            raise problem(f"names a table that cannot be used: {error}") from None
        return {"levels": [float(one) for one in frame["level"]], "cd_m2": [float(one) for one in frame["cd_m2"]]}

    @model_validator(mode="after")
    def _check(self) -> LuminanceTable:
        levels, measured = self.levels, self.cd_m2
        if len(levels) != len(measured):
            raise problem(
                f"has {len(levels)} levels and {len(measured)} values of cd_m2: give each level its luminance"
            )
        if len(levels) < FEWEST:
            raise problem(f"has {len(levels)} points: measure at {FEWEST} levels or more, from 0 to 255")
        if any(after <= before for before, after in pairwise(levels)):
            raise problem("has levels that do not rise: give them in order, each once")
        if (levels[0], levels[-1]) != (0, 255):
            raise problem(f"goes from level {levels[0]:g} to {levels[-1]:g}: measure at 0 and at 255 too")
        if (darkest := min(measured)) < 0:
            raise problem(f"has a luminance of {darkest:g} cd/m2: light is not negative, correct it")
        for at, (before, after) in enumerate(pairwise(measured), 1):
            if after <= before:
                raise problem(
                    f"falls or stays from {before:g} cd/m2 at level {levels[at - 1]:g} to {after:g} at {levels[at]:g}, so that a"
                    " luminance has no level of its own: measure again, or leave out levels that the photometer cannot tell apart"
                )
        return self

    @cached_property
    def _curve(self) -> PchipInterpolator:
        import numpy as np
        from scipy.interpolate import PchipInterpolator

        return PchipInterpolator(np.array(self.levels) / 255, np.array(self.cd_m2))

    @cached_property
    def _inverse(self) -> tuple[Array, Array]:
        import numpy as np

        # Dense enough that the straight lines between lie within a hundredth of an 8-bit level of the curve.
        values = np.linspace(0, 1, 16 * 255 + 1)
        return self.cd_m2_at(values), values

    @property
    def darkest(self) -> float:
        """Luminance of black, cd/m2."""
        return self.cd_m2[0]

    @property
    def brightest(self) -> float:
        """Luminance of white, cd/m2."""
        return self.cd_m2[-1]

    def cd_m2_at(self, values: float | Array) -> Array:
        """Luminance of display values in [0, 1], cd/m2."""
        import numpy as np

        return np.asarray(self._curve(values), dtype=np.float64)

    def light(self, values: float | Array) -> Array:
        """The share of the display's range of light, 0 for black to 1 for white, that display values make."""
        return (self.cd_m2_at(values) - self.darkest) / (self.brightest - self.darkest)

    def value_for(self, light: float | Array) -> Array:
        """The display value in [0, 1] that makes a share of the display's range of light."""
        import numpy as np

        curve, values = self._inverse
        wanted = self.darkest + np.clip(light, 0, 1) * (self.brightest - self.darkest)
        return np.asarray(np.interp(wanted, curve, values), dtype=np.float64)

    def nearest_gamma(self) -> tuple[float, float]:
        """The exponent whose curve lies nearest, by least squares, and the most by which it misses, as a share of the range."""
        import numpy as np

        values = np.linspace(0, 1, 256)
        exponents = np.linspace(0.5, 4, 701)
        misses = values[None] ** exponents[:, None] - self.light(values)
        best = int(np.argmin((misses**2).sum(1)))
        return float(exponents[best]), float(np.abs(misses[best]).max())


def srgb_light(values: float | Array) -> Array:
    """The light that sRGB display values stand for, 0 to 1.

    >>> round(float(srgb_light(0.5)), 4)
    0.214
    """
    import numpy as np

    values = np.asarray(values, dtype=np.float64)
    return np.where(values <= _SRGB_LINEAR_BELOW, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
