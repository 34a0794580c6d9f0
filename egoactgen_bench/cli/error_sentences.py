"""Errors that no stage has turned into a sentence: the operating system's, and bugs."""

import errno
import re
import sysconfig
from pathlib import Path
from types import TracebackType
from typing import Any

from typer.exceptions import TyperException

from egoactgen_bench.api.option_errors import in_words

LONGEST = 300  # characters of an error's own text
REPORT = (
    "please report it in an issue of its repository, with the output of the same command "
    "with --debug"
)

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_REMEDIES = {
    errno.ENOSPC: "the disk is full; free some space and run the same command again",
    errno.EDQUOT: "the disk quota is used up; free some space and run the same command again",
    errno.EFBIG: "the file would be larger than this system allows (see `ulimit -f`)",
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.EACCES: "permission denied; change the permissions, or choose another path",
    errno.EPERM: "not permitted; change the owner or permissions, or choose another path",
    errno.ENOENT: "no such file or folder",
    errno.ENOTDIR: "a part of this path is a file, not a folder; move it, or choose another path",
    errno.EISDIR: "a folder is in the place of a file; move it, or choose another path",
    errno.EEXIST: "a file is in the place of a folder; move it, or choose another path",
    errno.ENAMETOOLONG: "the name is too long for this file system; choose a shorter one",
    errno.ELOOP: "the symbolic links lead in a circle; remove one of them",
    errno.EMFILE: "too many open files; raise the limit (`ulimit -n`)",
    errno.ENFILE: "too many open files on this system; close other programs",
    errno.ENOMEM: "the memory is full; close other programs, or use a smaller --batch-size",
    errno.EIO: "the device cannot be read or written; check the disk or the network mount",
    errno.ESTALE: "the network mount has changed; mount it again and run the same command again",
    errno.ETIMEDOUT: "the network mount does not answer; run the same command again",
}


def one_line(sentence: str) -> str:
    """A sentence with escapes for line breaks and other control characters.

    Sentences quote names and values from damaged files, which must not move the cursor or look like
    further lines of ours.
    """
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], sentence)


def usage_sentence(error: TyperException) -> str:
    """What is wrong with the words of a call, and which help to read."""
    text = f"{in_words(error.format_message())}."
    context = getattr(error, "ctx", None)
    if context is None or "?" in text:  # it suggests a word
        return text.replace("?.", "?")
    return f"{text} See `{context.command_path} --help`."


def os_sentence(error: OSError) -> str:
    """The file and what to do about it."""
    # Of a file that replaces another one, the other one: it is what is in the way.
    path = error.filename2 or error.filename or innermost_path(error.__traceback__)
    what = _REMEDIES.get(error.errno or 0) or error.strerror or str(error)
    if path is None:
        return f"{what[0].upper()}{what[1:]}."
    return f"{_text(path)}: {what}."


def bug_sentence(error: BaseException) -> str:
    """What happened, the file that it was about if any, and where to report it."""
    path = innermost_path(error.__traceback__)
    about = f" while working on {path}" if path else ""
    what = " ".join(f"{type(error).__name__}: {error}".split())
    if len(what) > LONGEST:
        what = f"{what[:LONGEST]}…"
    plugin = _plugin_file(error.__traceback__)
    return (
        f"An unexpected error occurred{about} ({what.removesuffix('.')}). "
        f"This is a bug in {plugin or f'egoactgen_bench: {REPORT}'}. "
        "What was finished before is complete."
    )


def _plugin_file(traceback: TracebackType | None) -> str | None:
    """The file in which the error occurred, if it is neither ours nor that of a library."""
    found = None
    libraries = tuple(sysconfig.get_paths()[name] for name in ("stdlib", "purelib", "platlib"))
    while traceback is not None:
        frame = traceback.tb_frame
        file = frame.f_code.co_filename
        # A template is run by Jinja, in a frame whose file is the template.
        if _is_ours(frame.f_globals) or "egoactgen_" in Path(file).parent.as_posix():
            found = None
        elif not file.startswith((*libraries, "<")):
            found = file
        traceback = traceback.tb_next
    return found


def _is_ours(module: dict[str, Any]) -> bool:
    return str(module.get("__name__")).startswith("egoactgen_")


def innermost_path(traceback: TracebackType | None) -> Path | None:
    """The last file or folder that our code was working on when it failed.

    Found among the local variables of the failed calls: to hand every path down to where an error
    nobody expects might occur would touch every function.
    """
    found = None
    while traceback is not None:
        frame = traceback.tb_frame
        if _is_ours(frame.f_globals):
            paths = [value for value in frame.f_locals.values() if isinstance(value, Path)]
            found = next((path for path in reversed(paths) if path.is_file()), None) or (
                paths[-1] if paths else found
            )
        traceback = traceback.tb_next
    return found


def _text(path: object) -> str:
    return path.decode(errors="replace") if isinstance(path, bytes) else str(path)
