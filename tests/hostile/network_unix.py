# category: network
# harm: hit
# expect: strategy_error
# A local service.
import socket
s = socket.socket(socket.AF_UNIX)
s.connect("{SOCKET}")
