# category: introspection
# harm: says
# expect: strategy_error
# Memory that outlives the process.
from multiprocessing import shared_memory
block = shared_memory.SharedMemory(create=True, size=10)
block.close()
block.unlink()
print("HARM")
