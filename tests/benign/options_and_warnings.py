import warnings

import pandas as pd

warnings.filterwarnings("ignore")
pd.set_option("display.max_columns", 20)
pd.options.display.width = 120
pd.options.mode.copy_on_write = True
with pd.option_context("display.max_rows", 5):
    print(data.get("close").head())
position = data.get("close") > data.get("close").average(20)
