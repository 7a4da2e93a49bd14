"""A shell and a store of its own for every test."""

import pytest


@pytest.fixture
def store_url(tmp_path, monkeypatch):
    """A fresh configured store."""
    from outsample.ledger.trials import default_store

    monkeypatch.setenv("OUTSAMPLE_STORE", str(tmp_path / "store.db"))
    yield str(tmp_path / "store.db")
    default_store().close()


@pytest.fixture
def shell(store_url):
    """A real IPython shell with the extension loaded, whose displays are collected."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "outsample")
    with capture_output() as captured:
        shell.captured = captured
        yield shell
    InteractiveShell.clear_instance()
