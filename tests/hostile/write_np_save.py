# category: write
# harm: file
# expect: strategy_error
# numpy writes files.
np.savetxt("{TARGET}", np.ones(3))
