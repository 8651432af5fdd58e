"""What the medium answered, in a sentence that names the next step."""

import errno

_STEPS = {
    errno.EIO: "the medium failed; if this repeats, the flash is worn out: replace it",
    errno.ENOSPC: "the file system is full: free some space",
    errno.EDQUOT: "the quota is used up: raise it or free some space",
    errno.EROFS: "the file system is read-only: remount it, and see `dmesg` for what made it so",
    errno.EACCES: "permission denied: the directory has to belong to the agent's user, mode 0700",
    errno.EPERM: "permission denied: the directory has to belong to the agent's user, mode 0700",
    errno.ENOENT: "its directory does not exist: create it, mode 0700, for the agent's user",
    errno.ELOOP: "it is a symbolic link, which is never followed here: remove it",
    errno.EFBIG: "a file size limit is in the way: raise LimitFSIZE of the service",
    errno.EMFILE: "the agent has too many files open: restart it and report this",
    errno.ENFILE: "the system has too many files open",
    errno.EINTR: "interrupted: it is tried again",
    errno.EBUSY: "another program uses it: find it with `fuser -v`",
}


def explain(path: str, error: OSError) -> str:
    """One sentence: which file, the system's own word, what to do."""
    number = error.errno or 0
    step = _STEPS.get(number, "see the error above and `pos-agent doctor`")
    name = errno.errorcode.get(number, "error")
    return f"{path}: {step} ({name}: {error.strerror})"
