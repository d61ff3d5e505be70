"""What the axes of layers stand for: found by a probe, declared, or in doubt; and what is read by them."""

import numpy as np
import pytest
import timm
import torch
from timm.models.mlp_mixer import MlpMixer
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from torchvision.models.convnext import CNBlockConfig, ConvNeXt
from torchvision.models.swin_transformer import SwinTransformer
from typer.testing import CliRunner

from synthstim import ImageInput, InputError, Observer, SoundInput, Unit
from synthstim.cli import app
from synthstim.encoding.factorised import Factorised
from synthstim.encoding.features import Features
from synthstim.models import Axes, load_model, read_units
from synthstim.production import make, observer_of_set
from synthstim.recipe import Recipe


class Permuted(nn.Module):
    """A convolution whose maps are put out with their axes in another order."""

    def __init__(self, channels: int, order: tuple[int, ...], *, flat: bool = False) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 5, 4, 2), nn.ReLU(), nn.Conv2d(channels, channels, 3, 1, 1))
        self.order, self.flat = order, flat
        self.turned = nn.Identity()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.stem(images)
        maps = maps.flatten(2) if self.flat else maps
        return self.turned(maps.permute(0, *(1 + axis for axis in self.order)))


class Attending(nn.Module):
    """Weights of attention (head, query, key), and what is attended to in windows that lie along the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 8, 8)
        self.weights, self.windows, self.mix = nn.Softmax(-1), nn.Identity(), nn.Linear(8, 8)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(images).flatten(2).mT
        heads = tokens.unflatten(2, (2, 4)).transpose(1, 2)
        weights = self.weights(heads @ heads.mT)
        windows = self.windows(tokens.unflatten(1, (4, 4)).flatten(0, 1))
        return self.mix(windows.unflatten(0, (len(images), 4)).flatten(1, 2)).mean(1) + weights.mean((1, 2, 3))[:, None]


def swin() -> nn.Module:
    sizes = dict(patch_size=[4, 4], embed_dim=28, depths=[1, 1], num_heads=[2, 2], window_size=[7, 7], num_classes=5)
    return SwinTransformer(**sizes)


def convnext() -> nn.Module:
    return ConvNeXt([CNBlockConfig(14, 28, 1), CNBlockConfig(28, None, 1)], num_classes=5)


def vit(size: int | tuple[int, int] = 48, **settings: object) -> nn.Module:
    sizes = dict(img_size=size, patch_size=8, embed_dim=24, depth=2, num_heads=2, num_classes=5)
    return VisionTransformer(**sizes | settings)


NETWORKS = {
    "channels last": (swin, 112, {"features.0": "y x channel", "features.1": "y x channel", "features.1.0.mlp.0": "y x channel", "features.3": "y x channel"}),
    "channels first and last": (convnext, 64, {"features.0": "channel y x", "features.1.0.block.3": "y x channel", "features.1": "channel y x"}),
    "class token": (vit, 48, {"patch_embed": "6x6 channel", "blocks.0": "1+6x6 channel", "blocks.1.attn.proj": "1+6x6 channel", "norm": "1+6x6 channel"}),
    "registers": (lambda: vit(reg_tokens=4), 48, {"blocks.1": "5+6x6 channel"}),
    "no class token": (lambda: vit(class_token=False, global_pool="avg"), 48, {"blocks.1": "6x6 channel"}),
    "as many tokens as channels": (lambda: vit(embed_dim=36, class_token=False, global_pool="avg"), 48, {"blocks.1": "6x6 channel"}),
    "wide images": (lambda: vit((32, 64)), (32, 64), {"blocks.1": "1+4x8 channel"}),
    "tokens mixed": (lambda: MlpMixer(img_size=48, patch_size=8, embed_dim=24, num_blocks=2, num_classes=5), 48, {"blocks.1": "6x6 channel", "blocks.0.mlp_tokens.fc2": "channel 6x6", "blocks.0.mlp_tokens.fc1": None}),
    "as many channels as rows": (lambda: Permuted(12, (1, 2, 0)), 48, {"stem": "channel y x", "turned": "y x channel"}),
    "channels between": (lambda: Permuted(12, (1, 0, 2)), 48, {"turned": "y channel x"}),
    "columns before rows": (lambda: Permuted(12, (0, 2, 1)), 48, {"turned": "channel x y"}),
    "tokens last": (lambda: Permuted(12, (0, 1), flat=True), 48, {"turned": "channel 12x12"}),
    "attention": (Attending, 32, {"patches": "channel y x", "weights": None}),
    "one place": (lambda: nn.Sequential(nn.Conv2d(3, 6, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()), 16, {"1": "channel y x", "2": "channel"}),
}  # fmt: skip


def observed(build: object, size: int | tuple[int, int], **settings: object) -> Observer:
    sides = (size, size) if isinstance(size, int) else size
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = build()  # type: ignore[operator]
    return Observer(module, input=ImageInput(size=sides, mean=(0.5,), std=(0.25,)), name="net", **settings)


def images(observer: Observer, count: int = 2) -> torch.Tensor:
    return torch.rand(count, *observer.input.shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", NETWORKS)
def test_axes_are_found_or_in_doubt(name):
    build, size, wanted = NETWORKS[name]
    observer = observed(build, size)
    found = observer.axes.all()
    assert {layer: str(found[layer]) for layer in wanted} == {layer: str(axes) for layer, axes in wanted.items()}
    for layer, axes in wanted.items():
        if axes is None:
            with pytest.raises(InputError, match=rf"{layer} of net .* may be .* declare axes of the observer"):
                read_units(observer, images(observer), [Unit(layer=layer, channel=0)])
            read_units(observer, images(observer), [Unit(layer=layer, indices=(0,))])


@pytest.mark.parametrize(("build", "layer"), [(swin, "features.1"), (lambda: Permuted(30, (1, 2, 0)), "turned")])
def test_a_channel_is_read_on_its_axis(build, layer):
    observer = observed(build, 112)
    shown = images(observer)
    values = observer.activations(shown, [layer])[layer]
    rows, columns, channels = values.shape[1:]
    last = channels - 1
    units = [
        Unit(layer=layer, channel=5, position="mean"),
        Unit(layer=layer, channel=last),
        Unit(layer=layer, channel=5, position=(3, 7)),
    ]
    wanted = [values[..., 5].mean((1, 2)), values[:, rows // 2, columns // 2, last], values[:, 3, 7, 5]]
    torch.testing.assert_close(read_units(observer, shown, units), torch.stack(wanted, 1))
    with pytest.raises(InputError, match=f"which has {channels} channels"):
        read_units(observer, shown, [Unit(layer=layer, channel=channels)])


def test_coordinates_are_y_and_x_whatever_comes_first():
    observer = observed(lambda: Permuted(4, (0, 2, 1)), 48)
    shown = images(observer)
    read = observer.activations(shown, ["stem", "turned"])
    found = read_units(observer, shown, [Unit(layer="turned", channel=1, position=(2, 9))])[:, 0]
    torch.testing.assert_close(found, read["stem"][:, 1, 2, 9])


def test_tokens_have_a_class_a_grid_and_numbers():
    observer = observed(lambda: vit(reg_tokens=2), 48)
    shown = images(observer)
    values = observer.activations(shown, ["blocks.1"])["blocks.1"][..., 3]
    places = ["class", "centre", "mean", (0,), (7,), (1, 2)]
    units = [Unit(layer="blocks.1", channel=3, position=position) for position in places]
    wanted = [values[:, 0], values[:, 3 + 21], values[:, 3:].mean(1), values[:, 0], values[:, 7], values[:, 3 + 8]]
    torch.testing.assert_close(read_units(observer, shown, units), torch.stack(wanted, 1))
    for position, said in (((39,), "is outside"), ((6, 0), "is 6 x 6"), ("corner", r"choose centre, mean, class")):
        with pytest.raises(InputError, match=said):
            read_units(observer, shown, [Unit(layer="blocks.1", channel=3, position=position)])
    bare = observed(lambda: vit(class_token=False, global_pool="avg"), 48)
    with pytest.raises(InputError, match="position 'class' is unknown"):
        read_units(bare, images(bare), [Unit(layer="blocks.1", channel=3, position="class")])


def test_tokens_in_another_order_have_no_centre():
    class Shuffled(Permuted):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            order = torch.randperm(144, generator=torch.Generator().manual_seed(3))
            return self.turned(self.stem(images).flatten(2).mT[:, order])

    observer = observed(lambda: Shuffled(8, ()), 48)
    assert str(observer.axes_of("turned")) == "token channel"
    read_units(observer, images(observer), [Unit(layer="turned", channel=3, position=(5,))])
    with pytest.raises(InputError, match="no grid that is known"):
        read_units(observer, images(observer), [Unit(layer="turned", channel=3)])


def test_windows_along_the_batch_are_not_read_as_stimuli():
    observer = observed(Attending, 32)
    with pytest.raises(InputError):
        read_units(observer, images(observer), [Unit(layer="windows", channel=0, position="mean")])


DECLARED = {
    "a layer": ({"weights": "channel y x"}, "weights", "channel y x"),
    "a family": ({"*": "y x channel"}, "weights", "y x channel"),
    "a name before its family": ({"w*": "y x channel", "weights": "x y channel"}, "weights", "x y channel"),
    "the first of two families": ({"we*": "channel x y", "w*": "y x channel"}, "weights", "channel x y"),
}


@pytest.mark.parametrize("name", DECLARED)
def test_axes_may_be_declared(name):
    declared, layer, wanted = DECLARED[name]
    observer = observed(Attending, 32, axes=declared)
    assert str(observer.axes_of(layer)) == wanted
    assert observer.axes.words == {**declared, layer: wanted}
    again = observed(Attending, 32, axes=observer.axes.words)
    assert str(again.axes_of(layer)) == wanted
    assert str(observer.given(observer.input, axes={layer: "x channel y"}).axes_of(layer)) == "x channel y"


BAD_AXES = {
    "no channel": ({"weights": "y x"}, "axes of weights: axes 'y x' make no sense: say channel"),
    "a word": ({"weights": "chanel y x"}, "make no sense"),
    "twice": ({"weights": "channel y y"}, "make no sense"),
    "too few": ({"weights": "token channel"}, r"weights has 3 axes \(2 x 16 x 16\), 'token channel' names 2"),
    "another grid": ({"turned": "1+12x12 channel"}, r"turned has 144 tokens, '1\+12x12 channel' makes 145"),
    "another name": ({"weigths": "channel y x"}, "no layer is called so: did you mean .*weights"),
    "another family": ({"blocks.*": "channel y x"}, "no layer is called so"),
}


@pytest.mark.parametrize("name", BAD_AXES)
def test_what_is_declared_must_fit(name):
    declared, reason = BAD_AXES[name]
    build = (lambda: Permuted(8, (1, 0), flat=True)) if "turned" in declared else Attending
    with pytest.raises(InputError, match=reason):
        observed(build, 32 if build is Attending else 48, axes=declared).axes.require_fitting()


@pytest.mark.parametrize("words", ["y x channel", "1+14x14 channel", "2+token channel", "frame channel", "channel"])
def test_axes_are_written_as_they_are_read(words):
    assert str(Axes.parse(words)) == words


def test_a_network_that_fails_on_the_probe_is_read_by_its_modules():
    class Pair(nn.Sequential):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            if len(images) > 2:
                raise RuntimeError("too many")
            return super().forward(images)

    observer = observed(lambda: Pair(nn.Conv2d(3, 4, 3), nn.Softplus(), nn.Unflatten(1, (2, 2))), 16)
    # A convolution by its convention, and what has its sides by those.
    assert [str(observer.axes_of(layer)) for layer in ("0", "1")] == ["channel y x"] * 2
    assert observer.axes.all()["2"] is None


@pytest.mark.filterwarnings("ignore:.*RANDOM weights")
def test_frames_and_channels_of_sounds_in_either_order():
    observer = load_model("whisper-tiny.en", weights="random", seconds=0.5)
    found = observer.axes.all()
    assert {str(axes) for layer, axes in found.items() if ".inner" in layer} == {"frame channel"}
    assert {str(found[layer]) for layer in observer.stages} == {"channel frame"}
    shown = torch.randn(2, *observer.input.shape, generator=torch.Generator().manual_seed(0)) * 0.1
    values = observer.activations(shown, ["enc0.inner.fc1"])["enc0.inner.fc1"]
    units = [Unit(layer="enc0.inner.fc1", channel=1500, position=at) for at in ((3,), "mean")]
    wanted = torch.stack([values[:, 3, 1500], values[..., 1500].mean(1)], 1)
    torch.testing.assert_close(read_units(observer, shown, units), wanted)


def test_layers_of_frequency_and_time():
    class Heard(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.spectrogram, self.conv = nn.Identity(), nn.Conv2d(1, 5, 3, 2)
            self.turned = nn.Identity()

        def forward(self, sounds: torch.Tensor) -> torch.Tensor:
            window = torch.hann_window(256, dtype=sounds.dtype)
            power = torch.stft(sounds, 256, 128, window=window, return_complex=True).abs()
            return self.turned(self.conv(self.spectrogram(power).log1p()[:, None]).permute(0, 3, 2, 1))

    observer = Observer(Heard(), input=SoundInput.lasting(0.5, network_rate=16000), name="heard")
    found = observer.axes.all()
    assert [str(found[layer]) for layer in ("spectrogram", "conv", "turned")] == [
        "channel frame", "channel frequency frame", "frame frequency channel",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("axes", "turn"),
    [
        ("y x channel", lambda maps: maps.permute(0, 2, 3, 1)),
        ("8x8 channel", lambda maps: maps.flatten(2).mT),
        ("2+8x8 channel", lambda maps: torch.cat([torch.full((len(maps), 2, 5), 9.0), maps.flatten(2).mT], 1)),
        ("x channel y", lambda maps: maps.permute(0, 3, 1, 2)),
    ],
)
def test_a_mask_is_fitted_the_same_wherever_the_axes_are(axes, turn):
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(80, 5, 8, 8, generator=generator)
    signal = torch.einsum(
        "ncyx,yx,c->n", maps, torch.rand(8, 8, generator=generator), torch.rand(5, generator=generator)
    )
    responses, folds = signal[:, None].double().numpy(), np.arange(80) % 4
    method, turned = Factorised(strengths=(1e-3,), steps=30), turn(maps).contiguous()
    plain = Features(maps.numpy(), Axes.parse("channel y x"))
    other = Features(turned.numpy(), Axes.parse(axes))
    scores = [method.cross_validate(features, responses, folds).r for features in (plain, other)]
    assert np.allclose(*scores, atol=1e-4)
    one, two = (method.fit(features, responses, np.zeros(1, dtype=np.int64)) for features in (plain, other))
    assert torch.allclose(one(maps), two(turned), atol=1e-3)


@pytest.mark.filterwarnings("ignore:.*RANDOM weights")
def test_layers_prints_the_axes():
    run = CliRunner().invoke(app, ["layers", "whisper-tiny.en", "--weights", "random"], env={"COLUMNS": "120"})
    assert run.exit_code == 0
    line = next(line for line in run.output.splitlines() if "enc0.inner.fc1" in line)
    assert "frame channel" in line


def test_a_small_network_of_a_library_is_read_by_its_axes():
    observer = observed(lambda: timm.create_model("test_vit3", pretrained=False, img_size=96), 96)
    assert observer.axes_of("blocks.0").leading > 0
    assert observer.axes_of("blocks.0").grid == (6, 6)


RECIPE = """\
observer: {name: "timm:test_vit3", weights: random, axes: {AXES}}
stimuli: [{name: up, kind: controller, goal: drive, unit: {layer: blocks.1, channel: 7, position: class}}]
"""


@pytest.mark.filterwarnings("ignore:.*RANDOM weights")
def test_axes_of_a_recipe_are_checked_with_its_set(tmp_path):
    declared = RECIPE.replace("AXES", '"blocks.*": "1+10x10 channel"')
    made = make(Recipe.from_text(declared, tmp_path), tmp_path / "set", budget=2)
    assert made.provenance["observer"]["axes"] == {"blocks.*": "1+10x10 channel", "blocks.1": "1+10x10 channel"}
    observer = observer_of_set(made)
    assert observer is not None
    assert str(observer.axes_of("blocks.0")) == "1+10x10 channel"
    shown = torch.from_numpy(np.stack([made.stimulus(file) for file in made.table["file"]]))
    unit = Unit(layer="blocks.1", channel=7, position="class")
    wanted = observer.activations(shown, ["blocks.1"])["blocks.1"][:, 0, 7]
    torch.testing.assert_close(read_units(observer, shown, [unit])[:, 0], wanted)
    assert np.allclose(made.table["activation"], wanted.numpy(), atol=1e-3)


@pytest.mark.filterwarnings("ignore:.*RANDOM weights")
def test_axes_of_a_recipe_that_fit_no_layer_are_refused_before_work(tmp_path):
    recipe = Recipe.from_text(RECIPE.replace("AXES", '"block.*": "1+10x10 channel"'), tmp_path)
    with pytest.raises(InputError, match=r"name 'block.\*', but no layer is called so"):
        make(recipe, tmp_path / "set")
    assert not (tmp_path / "set").exists()
