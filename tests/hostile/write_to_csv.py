# category: write
# harm: file
# expect: strategy_error
# pandas writes files.
data.get("close").to_csv("{TARGET}")
