"""Python processes for which every file system but two folders is read-only.

Root may write to what its mode bits forbid, and a mount needs rights that tests do not have. So an
audit hook in each process, children included, refuses to open, create, move or remove anything
elsewhere, with the error that the kernel gives. It sees what Python does, not what C code does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_HOOK: Final = """
import errno, os, sys
from urllib.parse import unquote

WRITABLE = tuple({folders!r}) + ("/dev",)
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Which arguments of an event are a changed path, and the descriptor that it is relative to.
CHANGES = {{
    "os.mkdir": [(0, 2)], "os.rmdir": [(0, 1)], "os.remove": [(0, 1)], "os.chmod": [(0, 2)],
    "os.chown": [(0, 3)], "os.utime": [(0, 3)], "os.truncate": [(0, None)],
    "os.rename": [(0, 2), (1, 3)], "os.link": [(1, 3)], "os.symlink": [(1, 2)],
    "sqlite3.connect": [(0, None)],
}}


def refuse(event, arguments):
    if event == "open" and not arguments[2] & WRITES:
        return
    for at, relative in [(0, None)] if event == "open" else CHANGES.get(event, []):
        path = arguments[at]
        if isinstance(path, int):  # a descriptor
            continue
        if isinstance(path, str) and path.startswith("file:"):  # SQLite's form with options
            path = unquote(path.removeprefix("file:").partition("?")[0])
        base = os.getcwd()
        if relative is not None and arguments[relative] >= 0:
            base = os.readlink(f"/proc/self/fd/{{arguments[relative]}}")
        where = os.path.normpath(os.path.join(base, os.fsdecode(path)))
        if not any(where == each or where.startswith(each + "/") for each in WRITABLE):
            sys.stderr.write(f"refused: {{event}} {{where}}\\n")
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), where)


sys.addaudithook(refuse)
"""


def read_only_but(folder: Path, *writable: Path) -> dict[str, str]:
    """Return the environment of a Python process that may write below ``writable`` only.

    The hook is put into ``folder``. Each refusal is also written to the process's stderr, as a
    line that starts with ``refused:``, since a program may survive it.
    """
    folder.mkdir()
    hook = _HOOK.format(folders=[str(each.resolve()) for each in writable])
    (folder / "sitecustomize.py").write_text(hook)
    return {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
