"""Set-up on a bare machine: checks what is there, makes .venv, installs exactly what the lock lists.

Not here: anything that needs a package. Written for any Python 3, so that an old one can be told so.
"""

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
OLDEST, NEWEST = (3, 11), (3, 13)
NEEDED_MIB = 2500
LOCKS = {"runtime": "requirements.lock", "dev": "requirements-dev.lock"}


class SetupProblem(Exception):
    """Something is missing on the machine; one line that says what to install."""


def check_python(version):
    """The Python that runs us must be one that every dependency has a wheel for."""
    if not OLDEST <= version <= NEWEST:
        raise SetupProblem(
            "Python %d.%d was found; install Python 3.11, 3.12 or 3.13 and run: make PYTHON=python3.12 demo" % version
        )


def check_venv_module():
    """Debian and others split the venv module off."""
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        raise SetupProblem(
            "Python's venv module is missing; install it (Debian, Ubuntu: apt install python3-venv)"
        ) from None


def check_disk(folder, needed_mib=NEEDED_MIB):
    """Packages, the server and the demo's data."""
    free_mib = shutil.disk_usage(folder).free >> 20
    if free_mib < needed_mib:
        raise SetupProblem("%d MiB are free in %s; free at least %d MiB" % (free_mib, folder, needed_mib))


def check_platform(system, machine):
    """Where the dependencies have wheels."""
    if (system, machine.lower()) not in (
        ("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "arm64"), ("Darwin", "x86_64"),
    ):  # fmt: skip
        raise SetupProblem("%s on %s is not supported; use Linux or macOS on x86-64 or Arm" % (system, machine))


def venv_python():
    return os.path.join(VENV, "bin", "python")


def fingerprint(lock):
    """What an installation is true to: the lock and the Python that it was made with."""
    with open(os.path.join(ROOT, lock), "rb") as stream:
        content = stream.read()
    return hashlib.sha256(content + sys.version.encode() + ROOT.encode()).hexdigest()


def run(command, log_name):
    """Runs a command with its output in a log; a failure is one line that names it."""
    log = os.path.join(VENV, log_name)
    with open(log, "w") as stream:
        code = subprocess.call(command, stdout=stream, stderr=subprocess.STDOUT, cwd=ROOT)
    if code:
        raise SetupProblem(
            "%s failed (see %s); check that this machine reaches its package index, then run make again"
            % (" ".join(command[1:5]), os.path.relpath(log, ROOT))
        )


def install(kind):
    """Makes .venv anew where it is missing or half made, and installs the lock with its hashes."""
    lock = LOCKS[kind]
    stamp = os.path.join(VENV, "installed-" + kind)
    wanted = fingerprint(lock)
    if os.path.exists(stamp) and open(stamp).read() == wanted:
        return False
    for check in (lambda: check_platform(platform.system(), platform.machine()), check_venv_module):
        check()
    check_disk(ROOT)
    made_by = os.path.join(VENV, "python-version")
    if not os.path.exists(venv_python()) or not os.path.exists(made_by) or open(made_by).read() != sys.version:
        shutil.rmtree(VENV, ignore_errors=True)
        subprocess.check_call([sys.executable, "-m", "venv", VENV])
        with open(made_by, "w") as stream:
            stream.write(sys.version)
    print("Installing %s (once, about two minutes) …" % lock, file=sys.stderr)
    sys.stderr.flush()
    run(
        [venv_python(), "-m", "pip", "install", "--require-hashes", "--no-deps", "--only-binary", ":all:", "--quiet",
         "--disable-pip-version-check", "-r", lock],
        "pip.log",
    )  # fmt: skip
    site = subprocess.check_output([venv_python(), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"])
    with open(os.path.join(site.decode().strip(), "telecom-warehouse.pth"), "w") as stream:
        stream.write(ROOT + "\n")
    with open(stamp, "w") as stream:
        stream.write(wanted)
    return True


def main(arguments):
    parser = argparse.ArgumentParser(prog="bootstrap")
    parser.add_argument("kind", choices=sorted(LOCKS))
    options = parser.parse_args(arguments)
    try:
        check_python(sys.version_info[:2])
        install(options.kind)
    except SetupProblem as problem:
        print("set-up: %s" % problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
