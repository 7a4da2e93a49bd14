# category: write
# harm: file
# expect: strategy_error
# pandas pickles.
data.get("close").to_pickle("{TARGET}")
