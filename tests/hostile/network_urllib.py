# category: network
# harm: hit
# expect: strategy_error
# The library of the web.
import urllib.request
urllib.request.urlopen("http://127.0.0.1:{PORT}/", timeout=1)
