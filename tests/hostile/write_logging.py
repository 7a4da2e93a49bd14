# category: write
# harm: file
# expect: strategy_error
# A logger with a file.
import logging
logging.FileHandler("{TARGET}").emit(logging.makeLogRecord({"msg": "x"}))
