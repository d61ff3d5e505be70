"""Which warnings fail a test: those of our own code, whoever calls it, and none from a package's insides."""

from __future__ import annotations

import types
import warnings

import pytest


def module(name: str, source: str, **given: object) -> types.ModuleType:
    """A module of this name; warnings go by the name of the module that they point to."""
    made = types.ModuleType(name)
    vars(made).update(given, warnings=warnings)
    exec(source, vars(made))
    return made


PACKAGE = "def work(level): warnings.warn('old', FutureWarning, stacklevel=level)"


@pytest.mark.parametrize("name", ["synthstim", "synthstim.models.pretended"])
@pytest.mark.parametrize("category", [UserWarning, FutureWarning, DeprecationWarning, RuntimeWarning])
def test_a_warning_of_our_code_is_an_error(name: str, category: type[Warning]) -> None:
    ours = module(name, "def work(category): warnings.warn('ours', category)")
    with pytest.raises(category, match="ours"):
        ours.work(category)


def test_what_a_package_says_of_our_call_is_an_error_and_of_its_own_insides_not() -> None:
    package = module("package.inside", PACKAGE)
    ours = module("synthstim.pretended", "def work(level): package.work(level)", package=package)
    with pytest.raises(FutureWarning, match="old"):
        ours.work(2)
    with warnings.catch_warnings(record=True) as caught:
        ours.work(1)
    assert [str(one.message) for one in caught] == ["old"]


@pytest.mark.parametrize("name", ["synthstimulus", "other.synthstim"])
def test_a_package_with_a_name_like_ours_is_not_ours(name: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        module(name, PACKAGE).work(1)
    assert len(caught) == 1
