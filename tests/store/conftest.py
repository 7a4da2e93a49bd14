"""What the tests of the store share."""

from store.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]
