# category: read
# harm: listing
# expect: strategy_error
# Names in a folder are information too.
import os
print(os.listdir("{FOLDER}"))
