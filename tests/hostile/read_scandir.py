# category: read
# harm: listing
# expect: strategy_error
# The same through scandir.
import os
print([entry.name for entry in os.scandir("{FOLDER}")])
