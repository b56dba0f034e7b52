"""A package that is entered runs nothing until somebody needs what it defines."""

from __future__ import annotations

import sys
from importlib import import_module

import pytest

from gateway.server.packages import enter

FILES = {
    "__init__.py": "from . import inner\nfrom .heavy import LOAD\nfrom .inner import name\nSAID = 'the package ran'\n",
    "heavy.py": "LOAD = 1\n",
    "light.py": "from . import other\n",
    "other.py": "",
    "inner/__init__.py": "from ..heavy import LOAD\nname = 'inner'\n",
    "inner/part.py": "",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The name of one that is installed and was never imported."""
    name = "sample_package"
    for path, text in FILES.items():
        file = tmp_path / name / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    metadata = tmp_path / f"{name}-4.2.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 4.2\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield name
    for module in [one for one in sys.modules if one.partition(".")[0] == name]:
        del sys.modules[module]


def loaded(package):
    return {one.removeprefix(f"{package}.") for one in sys.modules if one.startswith(f"{package}.")}


def test_modules_are_imported_alone(package):
    enter(package)
    import_module(f"{package}.light")
    assert loaded(package) == {"light", "other"}


def test_a_package_inside_one_is_entered_too(package):
    enter(package)
    enter(f"{package}.inner")
    import_module(f"{package}.inner.part")
    assert loaded(package) == {"inner", "inner.part"}
    assert import_module(package).inner is sys.modules[f"{package}.inner"]


def test_its_version_is_known(package):
    enter(package)
    assert import_module(package).__version__ == "4.2"
    assert loaded(package) == set()


def test_whoever_needs_more_gets_the_whole_package(package):
    enter(package)
    enter(f"{package}.inner")
    entered = import_module(package)
    assert entered.SAID == "the package ran"
    assert entered.inner.name == "inner"
    assert loaded(package) == {"inner", "heavy"}
    assert type(entered) is type(sys)
    with pytest.raises(AttributeError):
        _ = entered.nothing


def test_what_was_imported_stays(package):
    there = import_module(package)
    enter(package)
    assert sys.modules[package] is there


def test_a_package_that_is_not_there(package):
    with pytest.raises(ModuleNotFoundError):
        enter(f"{package}.missing")
