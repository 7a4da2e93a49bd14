"""What all tests share: a store of their own, and random tests that are the same on every run."""

import os

import hypothesis
import pytest

os.environ["OUTSAMPLE_STORE"] = "none"
os.environ.setdefault("OUTSAMPLE_PROGRESS", "0")

hypothesis.settings.register_profile("outsample", derandomize=True, deadline=None)
hypothesis.settings.load_profile("outsample")


@pytest.fixture(scope="session", autouse=True)
def _no_server_left():
    """End the sandbox server with the tests."""
    yield
    from outsample.sandbox import close_server

    close_server()
