# category: forging
# harm: forged
# expect: result_invalid
# A pickle that would run code.
import os
import pickle
os.write(3, pickle.dumps(print))
os._exit(0)
