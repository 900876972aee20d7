"""Take away from this process, for good, what code that draws a chart does not need. Linux; elsewhere less.

Each layer stands alone: limits (memory, processor time, files), an audit hook of Python (files, processes, sockets,
ctypes), and, where the kernel has them, an empty network namespace, Landlock (files) and seccomp (processes, sockets,
signals). `cut_network` must run before the first thread starts, `lock` after everything needed has been imported.
"""

import ctypes
import math
import os
import platform
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_CLONE_NEWUSER, _CLONE_NEWNET, _CLONE_NEWIPC = 0x10000000, 0x40000000, 0x08000000
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_FILTER = 38, 22, 2
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT, _RULE_PATH_BENEATH = 444, 445, 446, 1
_FS_EXECUTE_TO_MAKE_SYM = (1 << 13) - 1
_FS_READ = 0b1100

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X86_64 = {
    "socket": 41,
    "socketpair": 53,
    "clone": 56,
    "fork": 57,
    "vfork": 58,
    "execve": 59,
    "kill": 62,
    "ptrace": 101,
    "tkill": 200,
    "tgkill": 234,
    "mount": 165,
    "unshare": 272,
    "setns": 308,
    "process_vm_readv": 310,
    "process_vm_writev": 311,
    "execveat": 322,
    "io_uring_setup": 425,
    "clone3": 435,
    "pidfd_open": 434,
}
_AARCH64 = {
    "socket": 198,
    "socketpair": 199,
    "clone": 220,
    "execve": 221,
    "kill": 129,
    "ptrace": 117,
    "tkill": 130,
    "tgkill": 131,
    "mount": 40,
    "unshare": 97,
    "setns": 268,
    "process_vm_readv": 270,
    "process_vm_writev": 271,
    "execveat": 281,
    "io_uring_setup": 425,
    "clone3": 435,
    "pidfd_open": 434,
}
_DENIED_SYSCALLS = {"x86_64": _X86_64, "aarch64": _AARCH64}

_EVENTS = (
    "os. subprocess. socket. ctypes. shutil. tempfile. glob. pathlib. mmap. signal. pty. fcntl. gc. resource. syslog. "
    "urllib. http. ftplib. smtplib. poplib. imaplib. sqlite3. webbrowser. sys.settrace sys.setprofile "
    "sys.addaudithook setopencodehook"
)
_DENIED_EVENTS = tuple(_EVENTS.split())


def cut_network() -> list[str]:
    """Move into user, network and IPC namespaces of its own; a process that has threads cannot."""
    if sys.platform != "linux":
        return []
    done = ctypes.CDLL(None).unshare(_CLONE_NEWUSER | _CLONE_NEWNET | _CLONE_NEWIPC) == 0
    return ["network namespace"] if done else []


def lock(*, memory_bytes: int, cpu_seconds: int, file_bytes: int, readable: Sequence[Path]) -> list[str]:
    """Limit this process and deny it files, processes and sockets; names the layers that are in force.

    cpu_seconds: from here on. readable: folders from which files may still be opened for reading, for lazy imports and
    fonts.
    """
    folders = tuple(str(folder.resolve()) for folder in readable if folder.exists())
    layers = [*_limit(memory_bytes, cpu_seconds, file_bytes)]
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        layers += [*_landlock(libc, folders), *_seccomp(libc)]
    _audit(folders)
    return [*layers, "audit hook"]


def _limit(memory_bytes: int, cpu_seconds: int, file_bytes: int) -> list[str]:
    if sys.platform == "win32":
        return []
    import resource

    limits = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_CPU: math.ceil(time.process_time()) + cpu_seconds,
        resource.RLIMIT_FSIZE: file_bytes,
        resource.RLIMIT_NOFILE: 64,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_CORE: 0,
    }
    for which, limit in limits.items():
        resource.setrlimit(which, (limit, limit))
    return ["limits"]


def _landlock(libc: ctypes.CDLL, folders: Sequence[str]) -> list[str]:
    """Kernel rules: read below the folders, nothing else (Linux 5.13; landlock.7)."""
    handled = ctypes.c_uint64(_FS_EXECUTE_TO_MAKE_SYM)
    rules = libc.syscall(_LANDLOCK_CREATE, ctypes.byref(handled), ctypes.sizeof(handled), 0)
    if rules < 0:
        return []
    for folder in folders:
        opened = os.open(folder, os.O_PATH)
        beneath = ctypes.create_string_buffer(struct.pack("=Qi", _FS_READ, opened))
        libc.syscall(_LANDLOCK_ADD, rules, _RULE_PATH_BENEATH, beneath, 0)
        os.close(opened)
    done = libc.syscall(_LANDLOCK_RESTRICT, rules, 0) == 0
    os.close(rules)
    return ["landlock"] if done else []


def _seccomp(libc: ctypes.CDLL) -> list[str]:
    """A filter that answers EPERM to the denied system calls (seccomp.2); other architectures go without.

    A step of its program is (operation, steps to skip if true, steps to skip if false, value): load the architecture,
    which must be this one; load the call's number, which must not be of the x32 kind nor a denied one.
    """
    machine = platform.machine()
    if machine not in _AUDIT_ARCH:
        return []
    numbers = list(_DENIED_SYSCALLS[machine].values())
    load, equal, at_least, answer = 0x20, 0x15, 0x35, 0x06
    deny = len(numbers) + 5
    program = [(load, 0, 0, 4), (equal, 0, deny - 2, _AUDIT_ARCH[machine]), (load, 0, 0, 0)]
    program.append((at_least, deny - 4, 0, 0x40000000))
    program += [(equal, deny - at, 0, number) for at, number in enumerate(numbers, len(program) + 1)]
    program += [(answer, 0, 0, 0x7FFF0000), (answer, 0, 0, 0x00050001)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
    header = ctypes.create_string_buffer(struct.pack("HP", len(program), ctypes.addressof(code)))
    done = libc.prctl(_PR_SET_SECCOMP, _SECCOMP_FILTER, header, 0, 0) == 0
    return ["seccomp"] if done else []


def _audit(folders: Sequence[str]) -> None:
    """Deny in Python itself (PEP 578). It cannot be taken out again, but code that gets at the interpreter's insides
    may blind it: only the kernel's layers are a wall."""
    denied, resolve = _DENIED_EVENTS, os.path.realpath
    prefixes = tuple(folder + os.sep for folder in folders)
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

    def deny(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            named = isinstance(path, str | bytes | os.PathLike)
            inside = named and resolve(os.fsdecode(path)).startswith(prefixes)
            if not inside or (flags or 0) & writing:
                raise PermissionError(f"opening {path!r} is not allowed here")
        elif event.startswith(denied) and event not in ("os.listdir", "os.scandir"):
            raise PermissionError(f"{event} is not allowed here")

    sys.addaudithook(deny)
