"""PostgreSQL's settings for one machine that also runs the pipeline, by that machine's memory.

Not here: settings of the project.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108
_LEAST_SHARED_MEMORY_MIB = 1024


def memory_mib() -> int:
    """The memory of the machine, or what a container may use of it."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20]
    for path in _CGROUP_LIMITS:
        text = path.read_text().strip() if path.exists() else ""
        if text.isdigit():
            limits.append(int(text) >> 20)
    return min(limits)


def _dynamic_shared_memory() -> str:
    """A container's /dev/shm often holds 64 MiB, on which parallel queries fail; files in the data folder serve too."""
    if _SHARED_MEMORY.is_dir() and shutil.disk_usage(_SHARED_MEMORY).total >> 20 < _LEAST_SHARED_MEMORY_MIB:
        return "mmap"
    return "posix"


def server_settings(durable: bool) -> dict[str, str]:
    """Name and value as postgresql.conf has them. Not durable: fast, but lost at a power cut (tests only)."""
    memory = memory_mib()
    settings = {
        "listen_addresses": "'127.0.0.1'",
        "unix_socket_directories": "''",
        "max_connections": "100",
        "max_locks_per_transaction": "1024",
        "shared_buffers": f"{min(max(memory // 16, 64), 2048)}MB",
        "maintenance_work_mem": f"{min(max(memory // 64, 64), 512)}MB",
        "work_mem": f"{min(max(memory // 512, 8), 48)}MB",
        "dynamic_shared_memory_type": _dynamic_shared_memory(),
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
        "log_line_prefix": "'%m [%p] '",
        "logging_collector": "off",
    }
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    return settings
