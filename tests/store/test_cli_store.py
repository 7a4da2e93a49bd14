"""The commands of the store, as a shell calls them."""

import json
import subprocess
import sys

import pytest

from outsample import Store, backtest
from outsample.cli import main
from outsample.store.migrate import downgrade
from store.conftest import SOURCE


@pytest.fixture
def address(tmp_path, monkeypatch):
    monkeypatch.setenv("OUTSAMPLE_STORE", str(tmp_path / "store.db"))
    from outsample.ledger import trials

    trials._store_at.cache_clear()
    yield str(tmp_path / "store.db")
    trials._store_at.cache_clear()


@pytest.fixture
def filled(address, result, other):
    with Store.open(address) as store:
        store.save(result)
        store.save(other)
    return address


def test_runs_lists_and_orders(filled, result, other, capsys):
    """JSON has whole keys, text their first characters."""
    assert main(["runs", "--order-by=-sharpe", "--limit", "1", "--json"]) == 0
    best = max((result, other), key=lambda item: item.metrics.sharpe)
    assert json.loads(capsys.readouterr().out)[0]["result_key"] == best.key
    assert main(["runs"]) == 0
    assert best.key[:12] in capsys.readouterr().out
    assert main(["runs", "--since", "2999-01-01"]) == 0
    assert main(["runs", "--order-by", "luck"]) == 2


def test_explain_names_the_parameter(filled, result, other, capsys):
    """Text for people, JSON for machines, exit code 2 for a key that is not there."""
    assert main(["explain", result.key[:10], other.key[:10]]) == 0
    assert "fast: 20 -> 30" in capsys.readouterr().out
    assert main(["explain", result.key, other.key, "--json", "--no-rerun"]) == 0
    assert json.loads(capsys.readouterr().out)["changes"][0]["input"] == "parameters"
    assert main(["explain", result.key, "0" * 12]) == 2
    assert "outsample runs" in capsys.readouterr().err


def test_purge_says_what_it_does(filled, capsys):
    """A dry run removes nothing; an age that is none is refused."""
    assert main(["purge", "--older-than", "0h", "--dry-run"]) == 0
    assert "2 results" in capsys.readouterr().out
    assert main(["purge", "--older-than", "0h", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["keys"]) == 2
    assert main(["purge", "--older-than", "soon"]) == 2


def test_db_check_current_and_rebuild(filled, result, capsys):
    """Exit code 0 when all is well; 1, with the file's name, when it is not."""
    assert main(["db", "check"]) == 0
    assert main(["db", "current", "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    found = json.loads(lines[-1])
    assert found["version"] == found["newest"]
    with Store.open(filled) as store:
        folder = store.folder / store.run(result.key)["result_path"]
    (folder / "trades.parquet").unlink()
    assert main(["db", "check"]) == 1
    assert "trades.parquet" in capsys.readouterr().out
    assert main(["db", "rebuild", "--json"]) == 1
    assert "trades.parquet" in json.loads(capsys.readouterr().out)["broken"][0]


def test_db_upgrade_upgrades_postgresql(postgres_url, capsys):
    """What opening refuses, the command does."""
    with Store.open(postgres_url) as store:
        downgrade(store.engine, "0001")
    assert main(["db", "check", "--store", postgres_url]) == 1
    assert main(["db", "upgrade", "--store", postgres_url]) == 0
    assert main(["db", "check", "--store", postgres_url]) == 0


def test_a_bundle_travels(filled, result, tmp_path, capsys):
    """Packed in one store, opened in another."""
    assert main(["bundle", result.key[:8], str(tmp_path / "out.zip")]) == 0
    other_store = str(tmp_path / "other" / "store.db")
    assert main(["open", str(tmp_path / "out.zip"), "--store", other_store]) == 0
    with Store.open(other_store) as store:
        assert store.load(result.key).canonical_bytes == result.canonical_bytes


@pytest.mark.slow
def test_a_second_process_needs_no_sandbox(address, tmp_path):
    """The same strategy from another process: the same key and numbers, and no time in the sandbox."""
    (tmp_path / "s.py").write_text(SOURCE, encoding="utf-8")
    code = (
        "import sys, json; from outsample import Strategy, api; import outsample.api as a\n"
        "if sys.argv[2] == 'second':\n"
        "    a.run = None\n"
        "    a.check_lookahead = None\n"
        "r = a.backtest(Strategy.from_file(sys.argv[1]), 'sample')\n"
        "print(json.dumps([r.key, r.metrics.sharpe, r.lookahead.summary, list(r.notes)]))\n"
    )

    def run(which):
        command = [sys.executable, "-c", code, tmp_path / "s.py", which]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    first = run("first")
    assert run("second") == first
    assert first[3] == []


def test_the_commands_say_what_they_are(capsys):
    """Each has help with an example or a description."""
    for command in ("purge", "explain", "bundle", "open", "db"):
        with pytest.raises(SystemExit) as done:
            main([command, "--help"])
        assert done.value.code == 0
        assert len(capsys.readouterr().out) > 200


def test_none_is_no_store(monkeypatch, tmp_path, sample, capsys):
    """OUTSAMPLE_STORE=none leaves nothing behind, the backtest is whole, and the commands of the store say so."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUTSAMPLE_STORE", "none")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert backtest(SOURCE, sample, lookahead=False).key
    assert main(["db", "check"]) == 2
    assert "OUTSAMPLE_STORE is none" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*"))
