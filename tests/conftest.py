"""What tests share: the default observer and a small one."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator

import pytest
import torch
from engine_fixture import small_network

from synthstim.cli import main
from synthstim.models import Observer, load_model

# Two test processes run side by side (Makefile); threads of both on two cores would wait for one another.
torch.set_num_threads(int(os.environ.get("SYNTHSTIM_TEST_THREADS", "1")))


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """For figures that hang on it, and for children that are forked: these have none of the other threads, and would wait for them for ever."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def efficientnet() -> Observer:
    """EfficientNet-Lite0 with its trained weights, shown 224 x 224 pixels."""
    return load_model()


@pytest.fixture(scope="session")
def small_efficientnet() -> Observer:
    """The same network in double precision, shown 32 x 32 pixels."""
    return load_model(size=(32, 32)).to(dtype=torch.float64)


@pytest.fixture(scope="session")
def observer() -> Observer:
    """A random convolutional network in double precision, shown colour images of 16 x 16 pixels."""
    return small_network()


@pytest.fixture
def synthstim(monkeypatch, capsys):
    """Run the command line as the installed program does; return what it printed, on one line."""

    def run(*arguments, cwd, status=2):
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # main changes it
        monkeypatch.setattr(sys, "argv", ["synthstim", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        out = " ".join((printed.out + printed.err).split())
        assert ended.value.code == status, out
        return out

    return run
