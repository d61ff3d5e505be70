"""The page of a stimulus set: what it says, what it refuses, what it never lets through."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from plotly.graph_objects import Figure
from report_fixture import PERCENTILES, SCRIPT, make_plain_set, make_set

from synthstim.errors import InputError
from synthstim.modalities.image import report as pictures
from synthstim.report import figures, media, write_report
from synthstim.report.distributions import Distribution, density
from synthstim.report.numbers import number, percent, text
from synthstim.report.strips import nice_ticks
from synthstim.stimulus_set import SetWriter, StimulusSet


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    return make_set(tmp_path_factory.mktemp("report") / "demo", size=64)


@pytest.fixture(scope="module")
def page(full):
    return write_report(full).read_text(encoding="utf-8")


def rewrite(path: Path, change) -> None:
    """Change a table of a set as somebody with an editor could."""
    data = path.read_bytes()
    packed = path.suffix == ".gz"
    new = change((gzip.decompress(data) if packed else data).decode()).encode()
    path.write_bytes(gzip.compress(new) if packed else new)


def test_the_page_stands_in_the_set_by_default(full):
    assert write_report(StimulusSet.read(full)) == full / "report.html"


def test_the_page_goes_where_it_is_sent_and_replaces_an_earlier_one(full, tmp_path):
    out = tmp_path / "new folder" / "page.html"
    write_report(full, out)
    page = out.read_text(encoding="utf-8")
    out.write_text(page[: len(page) // 2], encoding="utf-8")
    assert write_report(full, out) == out
    assert out.stat().st_size > 1_000_000
    assert [path.name for path in out.parent.iterdir()] == ["page.html"]


@pytest.mark.parametrize("mine", ["data.tsv", "recipe.yaml", "page.html", "analysis.html", "empty.html", "link.html"])
def test_what_is_no_earlier_report_is_never_replaced(full, tmp_path, mine):
    content = {
        "data.tsv": "site\ttime_s\n",
        "recipe.yaml": "observer: x\n",
        "page.html": "<!DOCTYPE html>\n<title>stimulus set</title>",
        # A page of ours, of another subject.
        "analysis.html": write_report(full, tmp_path / "a.html").read_text("utf-8").replace("· stimulus set", "· analysis", 1),
        "empty.html": "",
    }  # fmt: skip
    victim = tmp_path / ("victim.txt" if mine == "link.html" else mine)
    victim.write_text(content.get(mine, "untouched"), encoding="utf-8")
    if mine == "link.html":
        (tmp_path / mine).symlink_to(victim)
    with pytest.raises(InputError, match=f"{mine} exists already and is not such a page"):
        write_report(full, tmp_path / mine)
    assert victim.read_text(encoding="utf-8") == content.get(mine, "untouched")


@pytest.mark.parametrize(
    "inside", ["stimuli.tsv", "provenance.json", "new.html", "stimuli/page.html", "../{}/new.html"]
)
def test_nothing_inside_the_set_is_a_place_but_the_pages_own(full, inside):
    before = sorted(full.rglob("*"))
    with pytest.raises(InputError, match="lies inside the set"):
        write_report(full, full / inside.format(full.name))
    assert sorted(full.rglob("*")) == before


def test_a_directory_is_no_place_for_a_page(full, tmp_path):
    with pytest.raises(InputError, match="is a directory"):
        write_report(full, tmp_path)


def test_a_place_under_a_file_is_refused_and_leaves_nothing(full, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be made"):
        write_report(full, tmp_path / "file" / "report.html")


def test_the_same_set_gives_the_same_page(full, page, tmp_path):
    assert write_report(full, tmp_path / "again.html").read_text(encoding="utf-8") == page


def test_the_page_names_no_address_outside_its_scripts(page):
    own = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.findall(r"""(?:src|href|url\()\s*=?\s*["']?(?:https?:)?//""", own)
    assert "default-src 'none'" in own.replace("&#39;", "'")


def test_plotly_is_embedded_once(page):
    assert page.count("* plotly.js v") == 1


def test_every_file_is_embedded_byte_for_byte(full, page):
    stimuli = StimulusSet.read(full)
    embedded = pictures.Pictures.of(stimuli, set(stimuli.table["file"]))
    for file in stimuli.table["file"]:
        assert embedded[file].uri in page
        assert embedded[file].uri.startswith("data:image/png;base64,")


def test_a_heavy_set_is_shown_where_it_lies_and_elsewhere_by_reduced_previews(monkeypatch, tmp_path):
    monkeypatch.setattr(media, "BUDGET_BYTES", 10)
    monkeypatch.setattr(pictures, "PREVIEW_EDGE", 70)
    wide = SetWriter(tmp_path / "wide")
    wide.add("ramp", np.linspace(0, 1, 80 * 100, dtype=np.float32).reshape(1, 80, 100), kind="control")
    made = wide.commit({})
    beside, away = (write_report(made, out).read_text(encoding="utf-8") for out in (None, tmp_path / "away.html"))
    assert f'src="{StimulusSet.read(made).table["file"].iloc[0]}"' in beside
    assert "leave it in the set" in beside
    assert "img-src &#39;self&#39; file: data:" in beside
    assert "reduced previews" in away
    assert "data:image/webp" in away
    assert "img-src data:" in away
    for html in (beside, away):
        assert 'data-width="100" data-height="80"' in html


def test_the_summary_counts_and_explains(page):
    assert "12 metamers, 12 controllers, 4 natural images" in page
    assert "2 ended because the budget was spent" in page
    for words in (
        "dB (20 log10)",
        "re-measured from the saved 8-bit file",
        "pairs of <em>different</em>",
        "torch.float32",
    ):
        assert words in page


def test_every_failure_is_listed_with_its_reason(full, page):
    table = StimulusSet.read(full).table
    failed = table[table.status == "failed"]
    listed = page[page.index('id="failures"') : page.index('id="origin"')]
    assert len(failed) == 3
    for row in failed.itertuples():
        assert f'href="#{row.stimulus_id}"' in listed
        assert row.reason.replace("'", "&#39;") in listed


def test_markup_in_any_text_is_shown_never_run(tmp_path):
    html = write_report(make_set(tmp_path / "hostile", size=16, hostile=True)).read_text(encoding="utf-8")
    assert SCRIPT not in html
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 50
    assert html.count("<script") - html[html.index("* plotly.js v") : html.rindex("<script>")].count("<script") == 3


@pytest.mark.parametrize("figure", ["match_db", "pearson", "spearman", "controllers", "curves"])
def test_plotly_accepts_every_figure(full, figure):
    stimuli = StimulusSet.read(full)
    drawn = {**figures.null_figures(stimuli), "controllers": figures.controller_figure(stimuli)}
    drawn["curves"] = figures.curves_figure(stimuli)
    spec = _with_colours(drawn[figure])
    assert len(Figure(spec).data) == len(spec["data"])


def _with_colours(value):
    if isinstance(value, dict):
        named = {
            k: "#123456" if isinstance(v, str) and v.startswith("--") else _with_colours(v) for k, v in value.items()
        }
        return {k: v for k, v in named.items() if k != "meta"}
    return [_with_colours(inner) for inner in value] if isinstance(value, list) else value


def test_every_metamer_is_marked_on_its_layers_null(full):
    stimuli = StimulusSet.read(full)
    metamers = stimuli.table[stimuli.table.kind == "metamer"]
    for measure, figure in figures.null_figures(stimuli).items():
        marked = [x for trace in figure["data"] if trace["mode"] == "markers" for x in trace["x"]]
        assert sorted(marked) == sorted(metamers[measure])


def test_curves_keep_their_ends(full):
    stimuli = StimulusSet.read(full)
    ends = stimuli.companion("curves.tsv.gz").groupby("stimulus_id")["evaluation"].max()
    drawn = figures.curves_figure(stimuli)["data"]
    assert sorted(trace["x"][-1] for trace in drawn) == sorted(ends)
    assert max(len(trace["x"]) for trace in drawn) <= 120


def test_an_adopted_set_has_a_page_without_figures(tmp_path):
    html = write_report(make_plain_set(tmp_path / "adopted", 3)).read_text(encoding="utf-8")
    assert "3 natural images" in html
    assert 'class="figure"' not in html
    assert "re-measured" not in html


def test_an_empty_set_has_a_page(tmp_path):
    assert "no stimuli" in write_report(SetWriter(tmp_path / "empty").commit({})).read_text(encoding="utf-8")


def test_changed_files_are_announced(tmp_path):
    root = make_set(tmp_path / "changed", size=16)
    stimulus = sorted((root / "stimuli").iterdir())[0]
    stimulus.write_bytes(stimulus.read_bytes() + b"\0")
    natural = sorted((root / "best_natural").iterdir())[0]
    natural.write_bytes(b"no image")
    html = write_report(root).read_text(encoding="utf-8")
    assert "2 files changed since the set was made" in html
    assert f"stimuli/{stimulus.name} has changed" in html
    assert f"best_natural/{natural.name}: no image that can be shown" in html
    assert "Every file has the checksum" not in html
    assert str(tmp_path) not in html


@pytest.mark.parametrize("climb", ["../secret.png", "/etc/hostname", "..\\secret.png", "C:/secret.png"])
@pytest.mark.parametrize("table", ["stimuli.tsv", "best_natural.tsv"])
def test_a_path_that_climbs_out_is_refused(tmp_path, table, climb):
    root = make_set(tmp_path / "climbing", size=16, references=1, copies=1)
    (tmp_path / "secret.png").write_bytes(b"secret")
    rewrite(
        root / table, lambda content: re.sub(r"\b(stimuli|best_natural)/\w+\.png", lambda _: climb, content, count=1)
    )
    with pytest.raises(InputError, match="not a relative path inside"):
        write_report(root)
    assert not (root / "report.html").exists()


@pytest.mark.parametrize("folder", ["stimuli", "references", "best_natural"])
def test_a_linked_file_is_refused(tmp_path, folder):
    root = make_set(tmp_path / "linked", size=16, references=1, copies=1)
    victim = sorted((root / folder).iterdir())[0]
    victim.rename(tmp_path / "elsewhere.png")
    victim.symlink_to(tmp_path / "elsewhere.png")
    with pytest.raises(InputError, match="link"):
        write_report(root)


@pytest.mark.parametrize("name", ["curves.tsv.gz", "null.tsv.gz", "best_natural.tsv", "pool_activations.tsv.gz"])
@pytest.mark.parametrize("content", [b"", b"\x1f\x8b broken", gzip.compress(b"a\tb\n1\t2\n", mtime=0), b"a\tb\n1\t2\n"])
def test_a_broken_table_is_one_sentence(tmp_path, name, content):
    root = make_set(tmp_path / "broken", size=16, references=1, copies=1)
    (root / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name} of broken"):
        write_report(root)


def test_tables_with_nonsense_cells_still_give_a_page(tmp_path):
    root = make_set(tmp_path / "nonsense", size=16, references=1, copies=1)
    for name in ("null.tsv.gz", "curves.tsv.gz", "pool_activations.tsv.gz"):
        rewrite(root / name, lambda content: re.sub(r"\d+\.\d+", "oops", content, count=5))
    rewrite(root / "best_natural.tsv", lambda content: re.sub(r"\t\d\tbest", "\tfirst\tbest", content))
    assert write_report(root).exists()


@pytest.mark.parametrize("value", [{"a": [{"b": None}, {"c": 1.5}]}, [], {}, None, 3, "text", [[1, 2], "x"]])
@pytest.mark.parametrize("key", ["observer", "versions", "recipe", "seed", "unheard_of"])
def test_any_provenance_gives_a_page(key, value):
    from synthstim.report.summary import _facts

    boxes = list(_facts({key: value}))
    assert all(isinstance(words, str) for _, entries in boxes for entry in entries for words in entry)


def test_the_page_names_the_depth_of_the_files(tmp_path):
    writer = SetWriter(tmp_path / "deep")
    writer.add("deep", np.full((3, 8, 8), 0.3, np.float32), bits=16, kind="control", mean_luminance=0.07)
    assert "re-measured from the saved 16-bit file" in write_report(writer.commit({})).read_text(encoding="utf-8")


def test_a_long_provenance_is_folded_away(tmp_path):
    writer = SetWriter(tmp_path / "long")
    writer.add("grey", np.full((1, 8, 8), 0.5, np.float32), kind="control")
    html = write_report(writer.commit({"aims": {f"item_{n}": {"goal": "drive"} for n in range(40)}}))
    assert "<summary>Aims (40)</summary>" in html.read_text(encoding="utf-8")


def test_a_density_stays_where_values_were_seen():
    normal = Distribution(
        np.array(PERCENTILES, float), np.percentile(np.random.default_rng(0).normal(size=4000), PERCENTILES)
    )
    grid = np.linspace(-9, 9, 721)
    height = density(normal.samples(), grid)
    assert height.max() == 1
    assert abs(grid[height.argmax()]) < 0.4
    assert height[(grid < normal.value[0]) | (grid > normal.value[-1])].max() == 0


def test_quantiles_of_one_value_are_a_distribution():
    flat = Distribution.of(pd.DataFrame({"percentile": [0, 50, 100], "value": [2.0, 2.0, 2.0]}))
    assert np.isfinite(density(flat.samples(), np.linspace(1, 3, 41))).all()
    assert Distribution.of(pd.DataFrame({"percentile": [0], "value": [1.0]})) is None


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3e-5, 2e-5), (12, 1.2e6), (-0.02, 17)])
def test_ticks_are_few_and_inside(low, high):
    ticks = nice_ticks(low, high, 7)
    assert 3 <= len(ticks) <= 10
    assert low - 1e-9 <= ticks[0] < ticks[-1] <= high + 1e-9


@pytest.mark.parametrize(
    ("value", "style", "shown"),
    [(-1.26, ".1f", "−1.3"), (-0.0001, ".1f", "0.0"), (1e-9, ".4g", "1e−09"), (None, ".1f", "–"), (np.nan, ".1f", "–"), ("x", ".1f", "x")],
)  # fmt: skip
def test_numbers_read_as_people_write_them(value, style, shown):
    assert number(value, style) == shown


def test_a_percentile_is_100_only_where_it_is():
    assert (percent(99.999), percent(100.0), percent(pd.NA)) == ("99.99 %", "100 %", "–")
    assert (text(12.0), text(1.5), text(None, "none")) == ("12", "1.5", "none")


def test_a_long_list_of_the_provenance_is_cut():
    from synthstim.report.summary import _facts

    (_, entries), *_ = _facts({"pool": {"names": [f"photograph{n}" for n in range(72)], "few": [1, 2, 3]}})
    assert dict(entries)["names"].endswith("photograph7 and 64 more")
    assert dict(entries)["few"] == "1, 2, 3"


def test_a_provenance_that_says_too_little_leaves_out_the_methods_and_says_so(tmp_path):
    root = make_set(tmp_path / "set", references=1, copies=1)
    stimuli = StimulusSet.read(root)
    assert "For a methods section" in write_report(stimuli, tmp_path / "whole.html").read_text(encoding="utf-8")
    stimuli.provenance["observer"]["input"] = "224 x 224"
    page = write_report(stimuli, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "For a methods section" not in page
    assert "provenance.json of set does not say what a methods paragraph says" in page
