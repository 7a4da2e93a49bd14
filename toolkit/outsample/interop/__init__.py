"""Other libraries' names and conventions: finlab's ``sim`` outside strategies, Qlib's reports."""
