"""Where sites see: estimated by every read-out, taken from a table, and used as the window of a stimulus."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from encoding_fixture import gaussian_masks, maps_of, planted, recorded, small, stimuli

from synthstim.encoding import PLS, Factorised, Fit, Gaussian, Ridge, ensemble, fit_sites, load_fit, save_fit
from synthstim.encoding.mapped_fields import mapped_fields, with_fields
from synthstim.errors import InputError
from synthstim.kinds import READOUTS
from synthstim.modalities.image import write_png
from synthstim.models import ReceptiveField
from synthstim.production import make
from synthstim.production.jobs import plan_jobs
from synthstim.recipe import Recipe

COUNT, SITES = 200, 4
QUICK = {
    "ridge": Ridge(),
    "pls": PLS(components=(10,)),
    "factorised": Factorised(steps=60),
    "gaussian": Gaussian(steps=60),
}


def fitted(method: str, **options: object) -> Fit:
    responses = recorded(planted(maps_of(small(), COUNT, "2"), SITES)[0], noise=0.2)
    return fit_sites(small(), responses, stimuli(COUNT), ["2"], method=QUICK[method], shuffled=False, **options)


@pytest.fixture(scope="module")
def fit() -> Fit:
    return fitted("factorised")


def true_centres() -> np.ndarray:
    """(site, 2) right of and above the image's centre, in fractions of its side, of the planted masks."""
    grid = maps_of(small(), 1, "2").shape[2:]
    centres = gaussian_masks(SITES, grid)[1] * (np.array(grid) - 1) / np.array(grid) / 2
    return np.stack([centres[:, 1], -centres[:, 0]], 1)


@pytest.mark.parametrize("method", READOUTS.names)
def test_planted_fields_are_found(method: str) -> None:
    table = fitted(method).table
    off = table[["field_right", "field_up"]].to_numpy() - true_centres()
    # Half a cell of the layer, of a mask that is fitted freely; a dense read-out leaves more noise in between.
    assert np.median(np.abs(off)) < (0.06 if method in ("factorised", "gaussian") else 0.12)
    assert table["field_diameter"].between(0.1, 1).all()


def test_fields_are_kept_on_disk_and_are_means_over_fits(fit: Fit, tmp_path: Path) -> None:
    again = load_fit(save_fit(fit, tmp_path / "fit"), small())
    first = again.observer.fields["site0"]
    assert first.right == pytest.approx(fit.observer.fields["site0"].right, rel=1e-6)
    both = ensemble([fit, fitted("gaussian")])
    middle = [one.table["field_up"].to_numpy() for one in (fit, fitted("gaussian"))]
    assert np.allclose(both.table["field_up"], np.mean(middle, 0))


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("site\tx_px\ty_px\tdiameter_px\nsite1\t2\t-4\t8\n", ReceptiveField(0.125, -0.25, 0.5)),
        ("site\tx_deg\ty_deg\tdiameter_deg\timage_deg\nsite1\t1\t-2\t4\t8\n", ReceptiveField(0.125, -0.25, 0.5)),
    ],
)
def test_a_mapping_session_stands_above_the_estimate(
    fit: Fit, tmp_path: Path, text: str, field: ReceptiveField
) -> None:
    (tmp_path / "fields.tsv").write_text(text)
    made = with_fields(fit, mapped_fields(tmp_path / "fields.tsv", fit.sites, fit.observer.input.shape))
    assert made.observer.fields["site1"] == field
    assert made.table.loc[0, "field_up"] == fit.table.loc[0, "field_up"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("site\tx_px\nsite1\t2\n", "has the columns site, x_px; expected site and x_px, y_px, diameter_px, or"),
        ("site\tx_px\ty_px\tdiameter_px\nsite9\t2\t-4\t8\n", "names none of the fitted sites, but site9"),
        ("site\tx_px\ty_px\tdiameter_px\nsite1\t2\t-4\t8\nsite1\t2\t-4\t8\n", "site1 appears twice"),
        ("site\tx_px\ty_px\tdiameter_px\nsite1\t20\t-4\t8\n", "the fields of site1 are not within the image"),
        ("site\tx_px\ty_px\tdiameter_px\nsite1\tleft\t-4\t8\n", "the fields of site1 are not within the image"),
    ],
)
def test_tables_that_cannot_be_meant_are_refused(fit: Fit, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "fields.tsv").write_text(text)
    with pytest.raises(InputError, match=said):
        with_fields(fit, mapped_fields(tmp_path / "fields.tsv", fit.sites, fit.observer.input.shape))


# Constraints where a site sees.


def recipe(folder: Path, constraints: dict[str, object], **entry: object) -> Recipe:
    unit = {"sites": ["site0", "site1"]}
    one = {"name": "a", "kind": "controller", "goal": "drive", "unit": unit, "constraints": constraints} | entry
    return Recipe.from_dict({"observer": "own", "stimuli": [one]}, folder)


def held(fit: Fit, folder: Path, constraints: dict[str, object], **entry: object) -> list[object]:
    jobs = plan_jobs(recipe(folder, constraints, **entry), fit.observer)
    return [job.constraints[0] for job in jobs]


def test_each_site_has_the_window_of_its_own_field(fit: Fit, tmp_path: Path) -> None:
    fields = [fit.observer.fields[site] for site in ("site0", "site1")]
    for window, field in zip(held(fit, tmp_path, {"aperture": "site"}, copies=2), fields, strict=True):
        assert (window.shape, window.size) == ("circular", field.diameter)
        assert window.centre == (field.right, field.up)
    soft = held(fit, tmp_path, {"aperture": {"shape": "gaussian", "of": "site", "times": 1.2}})
    assert [window.size for window in soft] == [field.diameter * 0.3 for field in fields]


def test_a_surround_is_found_around_a_centre_that_stays(fit: Fit, tmp_path: Path) -> None:
    kept = np.full((3, 16, 16), 51 / 255, np.float32)
    write_png(tmp_path / "best.png", kept)
    asked = recipe(tmp_path, {"centre": {"image": "best.png", "of": "site", "times": 0.5}}, goal="suppress")
    made = make(asked, tmp_path / "set", observer=fit, budget=5)
    for site, name in (("site0", "a_site0_0"), ("site1", "a_site1_0")):
        (image,) = (made.stimulus(row["file"]) for row in made.table.to_dict("records") if row["stimulus_id"] == name)
        field = fit.observer.fields[site]
        right, down = (np.arange(16) - 7.5) / 16 - field.right, (np.arange(16) - 7.5) / 16 + field.up
        away = np.hypot(down[:, None], right[None])
        assert np.allclose(image[:, away < field.diameter / 4 - 1 / 16], 51 / 255)
        assert np.ptp(image[:, away > field.diameter / 4 + 1 / 16]) > 0.05


@pytest.mark.parametrize(
    ("constraints", "entry", "said"),
    [
        ({"aperture": {"of": "site", "times": 20}}, {}, "20 times a receptive field of .* choose times up to"),
        ({"aperture": "site"}, {"unit": {"layer": "2", "channel": 0}}, "no single site is controlled"),
        ({"aperture": {"of": "site", "diameter": 0.5}}, {}, "diameter does not go with of: site"),
        ({"aperture": {"diameter": 0.5, "times": 2}}, {}, "times goes with of: site"),
        ({"aperture": {"shape": "gaussian"}}, {}, "'gaussian' needs sigma"),
        ({"centre": {"image": "best.png"}}, {}, "lacks the size of the centre: give of: site, or diameter"),
    ],
)
def test_places_that_cannot_be_meant_are_refused(
    fit: Fit, tmp_path: Path, constraints: dict[str, object], entry: dict[str, object], said: str
) -> None:
    write_png(tmp_path / "best.png", np.zeros((3, 16, 16), np.float32))
    with pytest.raises(InputError, match=said):
        held(fit, tmp_path, constraints, **entry)
