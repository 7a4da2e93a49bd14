# category: network
# harm: hit
# expect: strategy_error
# HTTP.
import http.client
http.client.HTTPConnection("127.0.0.1", {PORT}, timeout=1).request("GET", "/")
