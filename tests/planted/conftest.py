"""The files of this folder are strategies: they are read by tests, never imported."""

collect_ignore_glob = ["leaks/*", "clean/*"]
