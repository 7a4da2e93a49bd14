"""Research on top of single runs: sweeps, walk-forward, bootstrap, look-ahead."""
