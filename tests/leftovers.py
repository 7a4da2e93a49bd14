"""What a test must not leave behind."""

from pathlib import Path


def shared_memory():
    """Names in shared memory, without those of database servers and of tests that run beside this one."""
    others = ("PostgreSQL.", "sem.loky-")
    return {path.name for path in Path("/dev/shm").iterdir() if not path.name.startswith(others)}
