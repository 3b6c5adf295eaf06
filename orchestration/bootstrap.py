"""Set-up on a bare machine: checks what is there, makes .venv, installs exactly what the lock lists.

Not here: anything that needs a package. Written for any Python 3, so that an old one can be told so.
"""

import argparse
import contextlib
import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
OLDEST, NEWEST = (3, 11), (3, 13)
# The oldest C library that every dependency has a wheel for.
OLDEST_GLIBC = (2, 28)
PLATFORMS = (("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "arm64"))
NEEDED_MIB = 2500
LOCKS = {"runtime": "requirements.lock", "dev": "requirements-dev.lock"}
# The test lock holds the other one too.
SERVED_BY = {"runtime": ("runtime", "dev"), "dev": ("dev",)}
# Settings of the caller's own Python that would send packages elsewhere.
UNWANTED = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PYTHONHOME", "PYTHONPATH")


class SetupProblem(Exception):
    """Something is missing on the machine; one line that says what to do."""


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
            "Python's venv module is missing; install it (Debian, Ubuntu: apt install python%d.%d-venv)"
            % sys.version_info[:2]
        ) from None


def check_disk(folder, needed_mib=NEEDED_MIB):
    """Packages, the server and the demo's data."""
    free_mib = shutil.disk_usage(folder).free >> 20
    if free_mib < needed_mib:
        raise SetupProblem("%d MiB are free in %s; free at least %d MiB" % (free_mib, folder, needed_mib))


def check_platform(system, machine):
    """Where the dependencies have wheels."""
    if (system, machine) not in PLATFORMS:
        raise SetupProblem(
            "%s on %s is not supported; use Linux on x86-64 or Arm, or macOS on Apple silicon" % (system, machine)
        )


def check_libc(system, library, version):
    """On Linux the wheels stand on the GNU C library, of a certain age at least."""
    if system != "Linux":
        return
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if library != "glibc" or numbers < OLDEST_GLIBC:
        found = "glibc %s" % version if library == "glibc" else "a C library other than glibc (musl, as on Alpine?)"
        raise SetupProblem(
            "%s was found; use a system with glibc 2.28 or newer, such as Debian 10, Ubuntu 20.04, RHEL 8" % found
        )


def venv_python():
    return os.path.join(VENV, "bin", "python")


def stamp(kind):
    """The file that says what was installed."""
    return os.path.join(VENV, "installed-" + kind)


def marker():
    """The file that is there while something is installed."""
    return os.path.join(VENV, "installing")


def read(path):
    """A file's text; empty if there is none."""
    if not os.path.exists(path):
        return ""
    with open(path) as stream:
        return stream.read()


def write(path, text):
    with open(path, "w") as stream:
        stream.write(text)


def fingerprint(kind):
    """What an installation is true to: the lock, the Python that it was made with, and where it lies."""
    content = read(os.path.join(ROOT, LOCKS[kind])) + sys.version + ROOT
    return hashlib.sha256(content.encode()).hexdigest()


def is_installed(kind):
    if os.path.exists(marker()) or not os.path.exists(venv_python()):
        return False
    return any(read(stamp(name)) == fingerprint(name) for name in SERVED_BY[kind])


def without_addresses(line):
    """A line of pip's as it may be kept: package indexes are nobody else's business, and may hold a login."""
    if line.startswith("Looking in "):
        return ""
    line = re.sub(r"Processing .*/", "Processing ", line)
    return re.sub(r"host='[^']*'", "host=<address>", re.sub(r"\w+://\S+", "<address>", line))


def explain(said):
    """What to do about pip's failure, by what it said."""
    if "DO NOT MATCH THE HASHES" in said:
        return "your package index serves a file other than the one that the lock was made with; ask who runs it"
    missing = re.search(r"No matching distribution found for (\S+)", said)
    if missing:
        return "your package index has no %s for this machine (or cannot be reached)" % missing.group(1)
    if "No space left" in said:
        return "the disk is full; free at least %d MiB" % NEEDED_MIB
    return "check that this machine reaches its package index, then run make again"


def run(command, what, total=0):
    """Runs a command with its output in .venv/setup.log; a failure is one line that says what to do."""
    environment = {name: value for name, value in os.environ.items() if name not in UNWANTED}
    environment["PIP_USER"] = "0"
    log, said, collected = os.path.join(VENV, "setup.log"), [], 0
    with open(log, "w") as stream, subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT, env=environment, universal_newlines=True
    ) as process:  # fmt: skip
        for line in process.stdout or ():
            said.append(without_addresses(line))
            stream.write(said[-1])
            collected += line.startswith(("Collecting ", "Processing "))
            if total and sys.stderr.isatty():
                sys.stderr.write("\r  %d of %d packages " % (min(collected, total), total))
                sys.stderr.flush()
    if total and sys.stderr.isatty():
        sys.stderr.write("\r%30s\r" % "")
    if process.returncode:
        raise SetupProblem("%s failed: %s (log: %s)" % (what, explain("".join(said)), os.path.relpath(log, ROOT)))


def make_venv():
    """Makes .venv, unless a whole one of this very Python is there."""
    if not os.path.exists(marker()) and os.path.exists(venv_python()):
        asked = subprocess.run(
            [venv_python(), "-c", "import sys, pip; sys.stdout.write(sys.version)"], check=False,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True,
        )  # fmt: skip
        if asked.stdout == sys.version:
            return
    if os.path.islink(VENV):
        raise SetupProblem("%s is a link to something made with another Python; remove the link" % VENV)
    if os.path.exists(VENV):
        shutil.rmtree(VENV)
    os.mkdir(VENV)
    write(marker(), "")
    run([sys.executable, "-m", "venv", VENV], "making .venv")


def install(kind):
    """Installs the lock with its hashes. A marker tells of one that was cut off: pip takes half a package for whole."""
    check_platform(platform.system(), platform.machine())
    check_libc(platform.system(), *platform.libc_ver())
    check_venv_module()
    check_disk(ROOT)
    make_venv()
    write(marker(), "")
    packages = len(re.findall(r"^\S+==", read(os.path.join(ROOT, LOCKS[kind])), re.MULTILINE))
    sys.stderr.write("Installing %s (%d packages; once, a minute or two) ...\n" % (LOCKS[kind], packages))
    pip = [venv_python(), "-m", "pip", "--no-input", "--disable-pip-version-check", "install"]
    run([*pip, "--require-hashes", "--no-deps", "--only-binary", ":all:", "--compile", "-r", LOCKS[kind]],
        "installing packages", packages)  # fmt: skip
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.check_output([venv_python(), "-c", ask], universal_newlines=True).strip()
    write(os.path.join(site, "telecom-warehouse.pth"), ROOT + "\n")
    if os.path.exists(os.path.join(ROOT, "ingestion", "fast_road.py")):
        run([venv_python(), "-m", "ingestion.fast_road"], "compiling the fast reader")
    write(stamp(kind), fingerprint(kind))
    os.remove(marker())


@contextlib.contextmanager
def only_one():
    """Two set-ups at once would install over each other."""
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def main(arguments):
    parser = argparse.ArgumentParser(prog="bootstrap")
    parser.add_argument("kind", choices=sorted(LOCKS))
    options = parser.parse_args(arguments)
    try:
        check_python(sys.version_info[:2])
        if not is_installed(options.kind):
            with only_one():
                if not is_installed(options.kind):
                    install(options.kind)
    except SetupProblem as problem:
        sys.stderr.write("set-up: %s\n" % problem)
        return 1
    except OSError as error:
        sys.stderr.write("set-up: %s: %s; the project's folder must be yours\n" % (error.filename, error.strerror))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
