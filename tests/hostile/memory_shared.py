# category: memory
# harm: memory
# expect: strategy_error
# Memory that is not counted as anonymous.
import mmap
kept = []
while True:
    block = mmap.mmap(-1, 1 << 24)
    for place in range(0, 1 << 24, 4096):
        block[place] = 1
    kept.append(block)
