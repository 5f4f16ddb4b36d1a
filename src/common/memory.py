"""What the process does with memory that is free again: keeps it for the next arrays, or gives it back."""

import ctypes
import sys

# Numbers of glibc's malloc.h. One arena, for the others hold blocks of at most 64 MB; never a mapping of its
# own for a large block; never back to the system by itself.
M_ARENA_MAX, M_MMAP_MAX, M_TRIM_THRESHOLD = -8, -4, -1
SETTINGS = {M_ARENA_MAX: 1, M_MMAP_MAX: 0, M_TRIM_THRESHOLD: -1}


def retain_freed() -> bool:
    """Lets glibc keep freed blocks for the next ones; tells whether it does. Elsewhere nothing happens.

    A training step frees and asks for gigabytes. By itself glibc hands each large block back to the system,
    which clears it page by page when it is asked for again: 52,000 times a step, a tenth of its time. To be
    called before other threads allocate.
    """
    libc = _find_glibc()
    return libc is not None and all([libc.mallopt(name, value) for name, value in SETTINGS.items()])


def release_freed() -> None:
    """Gives freed memory back to the system, where `retain_freed` kept it: after a training, say."""
    libc = _find_glibc()
    if libc is not None:
        libc.malloc_trim(0)


def _find_glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "gnu_get_libc_version") else None  # musl has no such settings
