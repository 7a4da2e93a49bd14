"""What all tests share: a store of their own, and random tests that are the same on every run."""

import os
import signal

import hypothesis
import pytest

os.environ["OUTSAMPLE_STORE"] = "none"
os.environ.setdefault("OUTSAMPLE_PROGRESS", "0")
# A shell starts what runs in its background with Ctrl-C ignored, and a process hands that on to all that it starts:
# tests of Ctrl-C would wait for nothing.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

hypothesis.settings.register_profile("outsample", derandomize=True, deadline=None)
hypothesis.settings.load_profile("outsample")


# They share one Lab and one Chromium.
BROWSER = ("tests/browser/", "tests/interop/test_qlib.py")


def pytest_collection_modifyitems(items):
    """Browser tests come last: while Playwright runs, the thread has an event loop, which others must not meet."""
    items.sort(key=lambda item: (item.nodeid.startswith(BROWSER), item.get_closest_marker("browser") is not None))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Side by side, a file stays in one process, and so do all tests of a browser."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            return "browser" if file.startswith(BROWSER) else file

    return ByFile(config, log)


@pytest.fixture(scope="session", autouse=True)
def _no_server_left():
    """End the sandbox server with the tests."""
    yield
    from outsample.sandbox import close_server

    close_server()


@pytest.fixture(scope="session")
def chromium():
    """The system's Chromium, without a window: one for all tests, since a process can hold one Playwright."""
    from browser.lab import browser_path, launch

    if browser_path() is None:
        assert os.environ.get("CI") != "true", "no Chromium: CI must have one"
        pytest.skip("no Chromium on this machine: install the package chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = launch(play)
        yield browser
        browser.close()
