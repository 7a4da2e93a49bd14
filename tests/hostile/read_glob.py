# category: read
# harm: listing
# expect: strategy_error
# The same through glob.
import glob
found = glob.glob("{FOLDER}/*")
print(found or 1 / 0)
