"""The files of these folders are strategies: they are read by tests, never imported."""

collect_ignore_glob = ["leaks/*", "clean/*", "pit_leaks/*", "pit_clean/*"]
