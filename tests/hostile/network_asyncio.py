# category: network
# harm: hit
# expect: strategy_error
# An event loop.
import asyncio
asyncio.run(asyncio.open_connection("127.0.0.1", {PORT}))
