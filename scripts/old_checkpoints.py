"""Writers for checkpoint forms that PyTorch itself no longer writes.

The tar archive of PyTorch before 0.1.10, and the legacy stream as Python 2 pickled it.
"""

import io
import pickle
import pickletools
import struct
import tarfile
from collections import OrderedDict

import torch

TYPES = {
    torch.float64: ("DoubleStorage", "DoubleTensor"),
    torch.float32: ("FloatStorage", "FloatTensor"),
    torch.float16: ("HalfStorage", "HalfTensor"),
    torch.int64: ("LongStorage", "LongTensor"),
}


class TensorsById(pickle.Pickler):
    """Pickles an object whose tensors are stored elsewhere, under the number of their position."""

    def __init__(self, out):
        super().__init__(out, protocol=2)
        self.tensors = []

    def persistent_id(self, obj):
        if not isinstance(obj, torch.Tensor):
            return None
        self.tensors.append(obj)
        return str(len(self.tensors))


def save_tar(obj, path):
    """The four members: who wrote it, the storages, the tensors on them, and the object that refers to the tensors."""
    pickled = io.BytesIO()
    pickler = TensorsById(pickled)
    pickler.dump(obj)
    storages, tensors = io.BytesIO(), io.BytesIO()
    pickle.dump(len(pickler.tensors), storages, protocol=2)
    pickle.dump(len(pickler.tensors), tensors, protocol=2)
    for number, tensor in enumerate(pickler.tensors, 1):
        tensor = tensor.contiguous()
        storage_type, tensor_type = (getattr(torch, name) for name in TYPES[tensor.dtype])
        pickle.dump((1000 + number, "cpu", storage_type), storages, protocol=2)
        storages.write(struct.pack("<q", tensor.numel()))
        storages.write(tensor.numpy().tobytes())
        pickle.dump((number, 1000 + number, tensor_type), tensors, protocol=2)
        # PyTorch of that time had no zero-dimensional tensors.
        shape = tuple(tensor.shape) or (1,)
        strides = tensor.stride() or (1,)
        tensors.write(struct.pack("<ii", len(shape), 0))
        tensors.write(struct.pack(f"<{2 * len(shape)}q", *shape, *strides))
        tensors.write(struct.pack("<q", 0))
    pickle.dump([], storages, protocol=2)
    system = {"protocol_version": 1000, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    members = {
        "sys_info": pickle.dumps(system, protocol=2),
        "storages": storages.getvalue(),
        "tensors": tensors.getvalue(),
        "pickle": pickled.getvalue(),
    }
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def as_python2(pickled):
    """The same pickle with text as Python 2 wrote it: byte strings without an encoding."""
    out = bytearray()
    ops = list(pickletools.genops(pickled))
    ends = [position for _, _, position in ops[1:]] + [len(pickled)]
    for (op, argument, position), end in zip(ops, ends):
        if op.name == "BINUNICODE":
            text = argument.encode()
            out += b"U" + bytes([len(text)]) if len(text) < 256 else b"T" + struct.pack("<I", len(text))
            out += text
        else:
            out += pickled[position:end]
    return bytes(out)


def save_python2(obj, path):
    """A legacy stream as PyTorch wrote it under Python 2."""
    stream = io.BytesIO()
    torch.save(obj, stream, _use_new_zipfile_serialization=False)
    data = stream.getvalue()
    out, rest = bytearray(), data
    for _ in range(5):
        *_, (_, _, stop) = pickletools.genops(rest)
        out += as_python2(rest[:stop + 1])
        rest = rest[stop + 1:]
    path.write_bytes(bytes(out) + rest)


class OldParameter:
    """Pickles as torch.nn.Parameter did in PyTorch 0.1.10 to 0.3: the class called on the data, then its state."""

    def __init__(self, data):
        self.data = data

    def __reduce__(self):
        return torch.nn.Parameter, (self.data,), (True, False, OrderedDict())
