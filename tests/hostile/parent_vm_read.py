# category: parent
# harm: says
# expect: strategy_error
# Memory of another process.
import ctypes
buffer = ctypes.create_string_buffer(8)


class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]


local = Vector(ctypes.addressof(buffer), 8)
maps = open("/proc/{VICTIM}/maps").readline()
remote = Vector(int(maps.split("-")[0], 16), 8)
done = ctypes.CDLL(None).process_vm_readv({VICTIM}, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)
print("HARM" if done > 0 else 1 / 0)
