"""A third party's folder, for tests of plug-ins from outside the repository."""

import sys

import pytest

from plugin_guide import Outside


@pytest.fixture
def outside(bench, tmp_path, monkeypatch):
    folder, site = tmp_path / "outside", tmp_path / "site"
    folder.mkdir()
    site.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    yield Outside(folder, site, bench, monkeypatch)
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
