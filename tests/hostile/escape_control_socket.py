# category: introspection
# harm: says
# expect: strategy_error
# A command to the server.
import os
import socket
sent = 0
for number in range(3, 64):
    try:
        s = socket.socket(fileno=number)
        s.send(b"{}")
        sent += 1
    except OSError:
        continue
print("HARM" if sent else 1 / 0)
