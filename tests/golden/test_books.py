"""What a store knows of golden results: their runs and data stay, wherever they were recorded."""

import pandas as pd
import pytest

from outsample import Dataset, Store, Strategy, backtest, check_golden, load, record_golden
from outsample.cli import main
from outsample.golden import read_golden

pytestmark = pytest.mark.slow
SOURCE = "fast = 20\nslow = 60\nclose = data.get('close')\nposition = close.average(fast) > close.average(slow)\n"
DATA = "synthetic:4x400?seed=5"


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with one golden result that was recorded on another machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUTSAMPLE_STORE", str(tmp_path / "theirs.db"))
    (tmp_path / "cross.py").write_text(SOURCE)
    record_golden(backtest(Strategy.from_file("cross.py"), DATA, lookahead=False), reason="r", strategy_file="cross.py")
    monkeypatch.setenv("OUTSAMPLE_STORE", str(tmp_path / "here" / "store.db"))
    return tmp_path


def test_checking_makes_a_store_keep_the_run(repository):
    """A colleague's golden result, once checked, is one of this store: its run is not purged."""
    key = backtest(Strategy.from_file("cross.py"), DATA, lookahead=False).key
    assert key == read_golden("cross").key
    with Store.open() as store:
        assert store.purge("0h", dry_run=True).keys == (key,)
        check_golden("cross")
        check_golden("cross")
        assert store.purge("0h").keys == ()
        with store.connect() as connection:
            assert connection.exec_driver_sql("select count(*) from golden").scalar() == 1


def test_the_command_spares_what_the_repository_names(repository, capsys):
    """`outsample purge` reads golden/ beside it, although this store has never heard of it; elsewhere it does not."""
    key = backtest(Strategy.from_file("cross.py"), DATA, lookahead=False).key
    assert main(["purge", "--older-than", "0h"]) == 0
    assert "0 results" in capsys.readouterr().out
    with Store.open() as store:
        assert store.runs()["result_key"].tolist() == [key]
    assert main(["purge", "--older-than", "0h", "--golden", "nowhere"]) == 0
    assert "1 results" in capsys.readouterr().out


def test_a_store_that_is_read_only_checks_all_the_same(repository, monkeypatch):
    """Keeping the books is no condition of a check."""
    path = repository / "here" / "store.db"
    Store.open(path).close()
    monkeypatch.setenv("OUTSAMPLE_STORE", f"sqlite:///file:{path}?mode=ro&uri=true")
    assert check_golden("cross").ok


def test_changed_data_are_exit_code_two(tmp_path, monkeypatch, capsys):
    """One changed cell of a stored dataset: 2, with its date and symbol."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUTSAMPLE_STORE", str(tmp_path / "store.db"))
    (tmp_path / "cross.py").write_text(SOURCE)
    close = pd.DataFrame(load(DATA).frame("close")).copy()
    Dataset.from_frames({"close": close}, name="mine").save("mine")
    assert main(["golden", "record", "cross.py", "--data", "mine", "--reason", "r", "--no-lookahead"]) == 0
    assert main(["golden", "check"]) == 0
    close.iloc[300, 2] *= 1.5
    Dataset.from_frames({"close": close}, name="mine").save("mine")
    capsys.readouterr()
    assert main(["golden", "check"]) == 2
    said = capsys.readouterr().out
    assert str(close.index[300].date()) in said
    assert close.columns[2] in said


def test_data_of_a_golden_result_are_never_collected(repository):
    """`data gc` keeps the snapshot of a golden result, also after its run is gone and its name means another."""
    import datetime

    from outsample.store.snapshot_care import collect_snapshots

    close = pd.DataFrame(load(DATA).frame("close")).copy()
    Dataset.from_frames({"close": close}, name="mine").save("mine")
    result = backtest(Strategy.from_source(SOURCE, "stored"), load("mine"), lookahead=False)
    record_golden(result, reason="r")
    close.iloc[0, 0] *= 2
    Dataset.from_frames({"close": close}, name="mine").save("mine")
    with Store.open() as store:
        with store.begin() as connection:
            connection.exec_driver_sql("delete from backtest_runs")
        collect_snapshots(store, older_than=datetime.timedelta(0))
        assert load(f"mine@{result.snapshot_id}", store=store).id == result.snapshot_id
