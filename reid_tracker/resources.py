"""What the machine offers: files of the package and of the user, and cores for threads.

An installed wheel has these folders inside the package; a source checkout (editable install) has
them at its top level.
"""

import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_MOST_VIDEO_THREADS = 4
_PACKAGE = Path(__file__).resolve().parent


def shipped(*parts: str) -> Path:
    """Return the path of a shipped file or folder, e.g. `shipped("configs", "default.yaml")`.

    The path need not exist.
    """
    inside = _PACKAGE.joinpath(*parts)
    return inside if (_PACKAGE / parts[0]).is_dir() else _PACKAGE.parent.joinpath(*parts)


def user_data(file: str) -> Path:
    """Return the path of a file in $REID_TRACKER_HOME, or else in the user's data."""
    return _of_user("XDG_DATA_HOME", "~/.local/share") / file


def user_cache(folder: str) -> Path:
    """Return the path of a folder in $REID_TRACKER_HOME, or else in the user's cache."""
    return _of_user("XDG_CACHE_HOME", "~/.cache") / folder


def usable_cores() -> int:
    """Return how many cores this process may use: its affinity, and the quota of its container.

    Libraries that ask for the cores of the machine start 64 threads in a container of two cores.
    """
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min(cores, round(_quota(_CGROUP) or cores)))


def video_threads() -> int:
    """Return how many threads decode one video, or encode one: few, since each holds frames."""
    return min(usable_cores(), _MOST_VIDEO_THREADS)


def _quota(cgroup: Path) -> float | None:
    """Return the cores that Linux grants a container (cgroup v2, or v1); None without a limit."""
    for files in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            quota, period = " ".join((cgroup / file).read_text() for file in files).split()
            return float(quota) / float(period) if float(quota) > 0 else None
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return None


def _of_user(variable: str, usual: str) -> Path:
    if home := os.environ.get("REID_TRACKER_HOME"):
        return Path(home).expanduser().absolute()
    named = os.environ.get(variable, "")
    # The XDG specification: a relative path is to be ignored.
    return (Path(named) if os.path.isabs(named) else Path(usual).expanduser()) / "reid_tracker"
