"""Migrations: the same tables by every way, on both databases."""

import sqlite3

import pytest
import sqlalchemy as sa

from outsample.errors import ConfigError, StoreError
from outsample.store import Database, Store, Trial
from outsample.store.migrate import downgrade, drift, head, upgrade
from outsample.store.schema import SCHEMA_VERSION
from outsample.store.version import current_version, full_metadata


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return str(tmp_path / "store.db")
    return request.getfixturevalue("postgres_url")


def tables(database):
    with database.connect() as connection:
        return set(sa.inspect(connection).get_table_names()) - {"alembic_version"}


def test_the_constant_is_the_newest_script():
    """What opening compares with is what the scripts lead to."""
    assert head() == SCHEMA_VERSION


def test_a_new_store_has_no_drift(url):
    """The tables that opening makes are those of the schema."""
    with Database.open(url) as database:
        assert drift(database.engine) == []


def test_up_and_down_and_up_again(url):
    """Migrations from nothing, back to nothing and up again lead to the tables of the schema."""
    with Database.open(url) as database:
        assert downgrade(database.engine, "base") == "base"
        assert tables(database) == set()
        assert upgrade(database.engine) == SCHEMA_VERSION
        assert tables(database) == set(full_metadata().tables)
        assert drift(database.engine) == []


def test_the_ledger_survives_a_step_back_and_forth(url):
    """Trials are in the first revision: they stay while later tables go and come."""
    with Store.open(url) as store:
        store.record(Trial(result_key="k", name="s", dataset="d", snapshot_id="x", family="f", source=""))
        downgrade(store.engine, "0001")
        upgrade(store.engine)
        assert store.count("store").n == 1


def test_every_job_and_every_run_is_a_result(url):
    """The view has runs that no job asked for; its columns are those of both tables."""
    with Store.open(url) as store:
        store.record(Trial(result_key="k", name="s", dataset="d", snapshot_id="x", family="f", source=""))
        with store.connect() as connection:
            found = connection.execute(sa.text("select * from backtest_results")).mappings().one()
    assert found["result_key"] == "k"
    assert found["status"] == "completed"
    assert found["progress_pct"] == 100


@pytest.mark.parametrize(
    "statement",
    [
        "drop index ix_trials_created_at",
        "alter table audit add column more varchar(3)",
        "alter table golden drop column reason",
        "drop table audit",
        "drop view backtest_results",
        "create table extra (a integer)",
    ],
)
def test_drift_is_named(url, statement):
    """A missing index, a column too many or too few, a missing or foreign table are found."""
    with Database.open(url) as database:
        with database.begin() as connection:
            connection.execute(sa.text(statement))
        assert len(drift(database.engine)) >= 1


def test_an_older_sqlite_store_is_copied_and_upgraded(tmp_path):
    """A store of the first version, which recorded no revision, opens with its trials; the old file is kept."""
    path = tmp_path / "store.db"
    with Store.open(path) as store:
        store.record(Trial(result_key="k", name="s", dataset="d", snapshot_id="x", family="f", source=""))
        downgrade(store.engine, "0001")
        with store.begin() as connection:
            connection.execute(sa.text("drop table alembic_version"))
    with Store.open(path) as store:
        assert store.count("store").n == 1
        assert drift(store.engine) == []
    copy = sqlite3.connect(tmp_path / "store.db.0001.bak")
    assert copy.execute("select count(*) from trials").fetchone() == (1,)
    copy.close()


def test_an_older_postgresql_store_is_refused_with_the_command(postgres_url):
    """A shared store is upgraded by a person, not by whoever opens it first."""
    with Database.open(postgres_url) as database:
        downgrade(database.engine, "0001")
    with pytest.raises(StoreError, match="outsample db upgrade"):
        Database.open(postgres_url)


def test_a_newer_store_is_refused(url):
    """A store of a newer program is not touched."""
    with Database.open(url) as database, database.begin() as connection:
        connection.execute(sa.text("update alembic_version set version_num = '9999'"))
    with pytest.raises(StoreError, match="pip install -U outsample"):
        Database.open(url)


def test_an_upgrade_that_fails_leaves_the_tables_as_they_were(url):
    """One transaction: a table in the way stops the upgrade, and nothing of it stays."""
    with Database.open(url) as database:
        downgrade(database.engine, "0001")
        with database.begin() as connection:
            connection.execute(sa.text("create table golden (a integer)"))
        with pytest.raises(StoreError, match="golden"):
            upgrade(database.engine)
        assert tables(database) == {"trials", "golden"}
        with database.connect() as connection:
            assert current_version(connection) == "0001"


def test_an_unknown_revision_is_refused(url):
    """A revision that no script leads to is a typed error."""
    with Database.open(url) as database, pytest.raises(ConfigError, match="7777"):
        upgrade(database.engine, "7777")
