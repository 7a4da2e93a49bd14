"""What is remembered of a run: its trial, the result if it is known already, and what of it is kept."""
