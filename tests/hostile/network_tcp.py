# category: network
# harm: hit
# expect: strategy_error
# A connection.
import socket
socket.create_connection(("127.0.0.1", {PORT}), timeout=2)
