"""Protocols anywhere: at a path, in the user's folders, begun anew; data only, wherever they come from."""

import re
import shutil
from pathlib import Path

import pytest
from experiment_fixture import make_set, write_rig
from typer.testing import CliRunner

from synthstim.cli import app
from synthstim.errors import InputError
from synthstim.experiment import export_experiment, list_protocols, new_protocol, read_protocol, run_experiment
from synthstim.experiment.protocol_folders import Protocols


@pytest.fixture(scope="module")
def stimuli(tmp_path_factory):
    return make_set(tmp_path_factory.mktemp("sets") / "photographs")


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch, tmp_path):
    monkeypatch.setenv("SYNTHSTIM_CONFIG", str(tmp_path / "config.yaml"))
    monkeypatch.delenv("SYNTHSTIM_PROTOCOLS", raising=False)


def changed(folder: Path, old: str, new: str) -> None:
    text = (folder / "protocol.yaml").read_text("utf-8")
    assert old in text
    (folder / "protocol.yaml").write_text(text.replace(old, new), "utf-8")


@pytest.mark.parametrize("like", ["", *list_protocols()])
def test_a_new_protocol_reads_as_it_is(tmp_path, like):
    made = new_protocol("mine", tmp_path, like=like)
    protocol = read_protocol(made)
    assert (protocol.name, protocol.home) == ("mine", made)
    assert protocol.settings == read_protocol(like).settings if like else "gap_ms" in protocol.settings


@pytest.mark.parametrize("name", ["", "..", "../out", "Mine", "a b", "x" * 41])
def test_a_new_protocol_wants_a_name(tmp_path, name):
    with pytest.raises(InputError, match="for a protocol; expected"):
        new_protocol(name, tmp_path / "here")
    assert not list(tmp_path.iterdir())


def test_what_is_there_is_not_written_over(tmp_path):
    made = new_protocol("mine", tmp_path)
    with pytest.raises(InputError, match="exists already"):
        new_protocol("mine", tmp_path, like="passive_fixation")
    assert "pace" in (made / "protocol.yaml").read_text("utf-8")


def test_users_protocols_are_found_by_name_after_ours(tmp_path, monkeypatch):
    new_protocol("mine", tmp_path / "lab")
    changed(new_protocol("passive_fixation", tmp_path / "lab"), "title: Looking", "title: Ours? Looking")
    new_protocol("also", tmp_path / "more")
    (tmp_path / "config.yaml").write_text("protocols: [lab]\n", "utf-8")
    monkeypatch.setenv("SYNTHSTIM_PROTOCOLS", str(tmp_path / "more"))
    assert {"mine", "also", "word_listening"} <= set(list_protocols())
    assert read_protocol("mine").home == tmp_path / "lab" / "mine"
    assert read_protocol("passive_fixation").title == "Passive fixation"
    (left_out,) = Protocols().left_out
    assert re.fullmatch(
        r"the protocol 'passive_fixation' of .*lab is left out: synthstim has one of that name", left_out
    )


def test_one_that_is_wrong_does_not_take_the_rest_down(tmp_path, monkeypatch):
    changed(new_protocol("broken", tmp_path), "[gap_ms]", "[gap]")
    monkeypatch.setenv("SYNTHSTIM_PROTOCOLS", str(tmp_path))
    with pytest.raises(InputError, match="duration in ms 'gap'"):
        read_protocol("broken")
    listed = CliRunner().invoke(app, ["protocols"])
    assert listed.exit_code == 0
    assert "'gap'" in listed.output
    assert "passive_fixation" in listed.output


def test_a_configuration_that_is_wrong_is_told_with_its_line(tmp_path):
    (tmp_path / "config.yaml").write_text("\nprotocol: lab\n", "utf-8")
    with pytest.raises(InputError, match=r"config.yaml, line 2: protocol is unknown: did you mean 'protocols'\?"):
        list_protocols()


def test_a_folder_is_named_by_its_path(tmp_path, monkeypatch):
    new_protocol("mine", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert read_protocol("./mine").name == "mine"
    with pytest.raises(InputError, match="the protocol 'mine' is unknown"):
        read_protocol("mine")
    with pytest.raises(InputError, match="nowhere is not a protocol"):
        read_protocol("./nowhere")
    (tmp_path / "mine").rename(tmp_path / "other")
    with pytest.raises(InputError, match="calls itself 'mine'"):
        read_protocol("./other")


@pytest.mark.parametrize("file", ["protocol.yaml", "README.md.j2"])
def test_links_out_of_the_folder_are_refused(tmp_path, file):
    made = new_protocol("mine", tmp_path)
    shutil.move(made / file, tmp_path / "elsewhere")
    (made / file).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="is a link to another folder"):
        read_protocol(made)


@pytest.mark.parametrize(
    "template",
    [
        "{{ protocol.__class__.__mro__ }}",
        "{{ cycler.__init__.__globals__.os.system('touch PWNED') }}",
        "{% include '../../secret' %}",
        "{{ page }}",
        "{% for one in range(10000000) %}x{% endfor %}",
        "{{ protocol.model_copy }}{{ rig.model_config.update({}) }}",
        "{% broken",
    ],
)
def test_templates_of_a_protocol_are_data(tmp_path, stimuli, template):
    (tmp_path / "secret").write_text("secret", "utf-8")
    made = new_protocol("mine", tmp_path)
    (made / "README.md.j2").write_text(template, "utf-8")
    with pytest.raises(InputError, match=r"README.md.j2 of mine cannot be filled"):
        export_experiment(stimuli, made, out=tmp_path / "out", rig=write_rig(tmp_path))
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.rglob("PWNED"))


@pytest.mark.parametrize("text", ["{title.__class__}", "{minutes:>1000000000}", "{title!r}"])
@pytest.mark.parametrize("place", ["text", "warning"])
def test_texts_name_figures_and_nothing_else(tmp_path, stimuli, text, place):
    made = new_protocol("mine", tmp_path)
    if place == "text":
        changed(made, "{n_stimuli} images", f"{text} images")
    else:
        changed(made, "stimuli: images", f"warnings: ['{text}']\nstimuli: images")
    with pytest.raises(InputError, match="the figure"):
        export_experiment(stimuli, made, out=tmp_path / "out", rig=write_rig(tmp_path))


@pytest.mark.display
@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is not installed")
def test_a_new_protocol_is_exported_and_rehearsed_by_the_command_line(tmp_path, stimuli, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = CliRunner().invoke(app, ["protocols", "new", "mine"])
    assert "--protocol ./mine" in told.output
    words = ["export", str(stimuli), "--protocol", "./mine", "--out", "tonight", "--rig", str(write_rig(tmp_path))]
    done = CliRunner().invoke(app, [*words, "--set", "blocks=1", "--set", "y_deg=2", "--set", "size_deg=2"])
    assert done.exit_code == 0, done.output
    assert "Say here what the person" in (tmp_path / "tonight" / "README.md").read_text("utf-8")
    assert run_experiment(tmp_path / "tonight", True).status == "completed"
