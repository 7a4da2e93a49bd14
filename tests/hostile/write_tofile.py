# category: write
# harm: file
# expect: strategy_error
# numpy writes raw files.
np.ones(3).tofile("{TARGET}")
