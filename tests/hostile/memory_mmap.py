# category: memory
# harm: memory
# expect: memory|strategy_error
# Memory that is no heap.
import mmap
kept = []
while True:
    block = mmap.mmap(-1, 1 << 24, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for place in range(0, 1 << 24, 4096):
        block[place] = 1
    kept.append(block)
