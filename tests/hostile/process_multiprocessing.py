# category: exec
# harm: says
# expect: strategy_error
# multiprocessing.
import multiprocessing
process = multiprocessing.get_context("fork").Process(target=print, args=("x",))
process.start()
process.join()
print("HARM")
