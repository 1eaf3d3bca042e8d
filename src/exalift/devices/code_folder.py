"""Compiled code that this machine keeps for itself, so that the next process need not compile it again.

One file a key, named by the key's hash. Nothing in it came from elsewhere: only code that was compiled here
is kept, in a folder that nobody else can enter. Writers replace whole files, and whoever reads checks what
it got, so that any number of processes can use one folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from exalift.base import cache_folder, write_atomically
from exalift.capsule import CodeKey, limits

_MAGIC = b"exalift code 1\n"
_DIGEST_BYTES = 32
MOST_BYTES = 1 << 30
_ABANDONED_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class CodeFolder:
    """A `CodeStore` in a folder of the user's own (0700), made when something is first kept.

    Together the files have at most `most_bytes`; those that were not used for longest go first.
    """

    folder: Path
    most_bytes: int = MOST_BYTES

    def find(self, key: CodeKey) -> bytes | None:
        path = self._path(key)
        begin = _beginning(key)
        try:
            if not self._is_ours():
                return None
            with open(path, "rb") as stream:
                data = stream.read(len(begin) + _DIGEST_BYTES + limits.CODE_BYTES + 1)
            digest, code = data[len(begin) :][:_DIGEST_BYTES], data[len(begin) + _DIGEST_BYTES :]
            if not data.startswith(begin) or digest != _digest(code):
                path.unlink(missing_ok=True)
                return None
            os.utime(path)
        except OSError:
            return None
        return code

    def keep(self, key: CodeKey, code: bytes) -> None:
        if not 0 < len(code) <= min(limits.CODE_BYTES, self.most_bytes):
            return
        # A full or read-only disk is no reason to fail: the code is there, and is made again next time.
        with contextlib.suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._is_ours():
                write_atomically(self._path(key), _beginning(key) + _digest(code) + code)
                self._trim()

    def _path(self, key: CodeKey) -> Path:
        return self.folder / hashlib.sha256(_beginning(key)).hexdigest()

    def _is_ours(self) -> bool:
        """Whether nobody else can have put anything there. Raises OSError where there is no folder."""
        found = self.folder.lstat()
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077

    def _trim(self) -> None:
        found = sorted(self._files())
        total = sum(size for _, size, _ in found)
        now = time.time()
        for used, size, path in found:
            # What a killed writer left has a temporary name, and nobody will come back for it.
            abandoned = path.name.startswith(".") and now - used > _ABANDONED_SECONDS
            if abandoned or (total > self.most_bytes and not path.name.startswith(".")):
                path.unlink(missing_ok=True)
                total -= size

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        with os.scandir(self.folder) as entries:
            for entry in entries:
                # Another process may take a file away meanwhile.
                with contextlib.suppress(FileNotFoundError):
                    known = entry.stat(follow_symlinks=False)
                    yield known.st_mtime, known.st_size, Path(entry.path)


def _beginning(key: CodeKey) -> bytes:
    """What the key's file begins with: all of the key, since names could collide and files be renamed."""
    return _MAGIC + json.dumps(asdict(key), sort_keys=True).encode() + b"\n"


def _digest(code: bytes) -> bytes:
    return hashlib.sha256(code).digest()


def machine_codes() -> CodeFolder:
    """This user's own folder on this machine."""
    return CodeFolder(cache_folder() / "code")
