# category: write
# harm: file
# expect: strategy_error
# pandas calls methods by name.
data.get("close").apply("to_csv", path_or_buf="{TARGET}")
