"""Files of databases that are their owner's alone. Loads without SQLAlchemy: the emulator uses it too."""

from __future__ import annotations

import errno
import logging
import os
import stat
import threading
from pathlib import Path

__all__ = ["make_private", "warn_if_shared"]

_making = threading.Lock()


def make_private(path: Path) -> None:
    """Makes the file of a database and the directories above it where they are missing, all of them its owner's alone.

    A file that is there and empty is closed to others. One that has something in it is left as it is: somebody opened
    it to others, perhaps on purpose. SQLite gives the files beside it the same permissions.

    Raises:
        OSError: The file cannot be made, read or written.
    """
    real = Path(os.path.realpath(path))  # a link that leads nowhere yet is followed
    for directory in reversed(real.parents):
        if not directory.exists():
            # mkdir(parents=True) gives the mode to the last directory alone.
            directory.mkdir(mode=0o700, exist_ok=True)
    # A file that is there is not opened: closing it again would drop the locks that SQLite holds on it in this process
    # (so POSIX has it), and another process could then write in the middle of a transaction. For the same reason no
    # other thread goes on to SQLite between these two calls.
    with _making:
        try:
            os.close(os.open(real, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            pass
        else:
            return
    found = real.stat()
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not os.access(real, os.R_OK | os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    if os.name == "posix" and found.st_size == 0 and stat.S_IMODE(found.st_mode) & 0o077:
        real.chmod(0o600)


def warn_if_shared(path: Path, *, what: str, logger: logging.Logger) -> None:
    """Warns that others can read a file, once it is known to be ours.

    Args:
        path: The file.
        what: How the warning calls it, such as `the store`.
        logger: Where it is warned.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        logger.warning("%s %s can be read by others (mode %o); chmod 600 keeps it to you", what, path, mode)
