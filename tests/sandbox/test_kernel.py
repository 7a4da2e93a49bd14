"""What the kernel refuses to a locked process that asks it directly, layer by layer."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("raw_probes.py")
REFUSED = {"EPERM", "ENOSYS", "EACCES"}
USERS = ["root", "nobody"] if os.geteuid() == 0 else ["self"]


def probes(folder, *, off="-", user="root"):
    folder.chmod(0o777)
    (folder / "canary").write_text("x", encoding="ascii")
    (folder / "canary").chmod(0o666)
    with socket.create_server(("127.0.0.1", 0)) as server, subprocess.Popen(["sleep", "30"]) as victim:
        try:
            arguments = [off, user, str(folder), str(victim.pid), str(server.getsockname()[1])]
            done = subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, check=False)
        finally:
            victim.kill()
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    said = json.loads(done.stdout)
    return said["layers"], said["answers"]


@pytest.mark.parametrize("user", USERS)
def test_all_layers_refuse_every_raw_call(tmp_path, user):
    """Fifty-odd raw system calls are refused, as root and as an ordinary user."""
    layers, answers = probes(tmp_path, user=user)
    assert set(layers.values()) == {"active"}
    assert len(answers) >= 50
    assert {name: said for name, said in answers.items() if said not in REFUSED} == {}
    assert (tmp_path / "canary").read_text(encoding="ascii") == "x"
    assert not os.path.lexists(tmp_path / "new")


@pytest.mark.parametrize("user", USERS)
def test_the_filter_alone_refuses_every_raw_call(tmp_path, user):
    """Without Landlock and with its capabilities, a process is still stopped by the filter."""
    layers, answers = probes(tmp_path, off="landlock,privileges", user=user)
    assert layers["landlock"] == "off by user"
    assert {name: said for name, said in answers.items() if said not in REFUSED} == {}


@pytest.mark.parametrize("user", USERS)
def test_landlock_alone_refuses_files_network_and_signals(tmp_path, user):
    """Without the filter Landlock still stops files, TCP and signals to others."""
    _, answers = probes(tmp_path, off="seccomp", user=user)
    for name in (
        "read a file",
        "create a file",
        "open a folder",
        "mkdir",
        "unlink",
        "rename",
        "mknod",
        "symlink",
        "truncate",
        "tcp connect on an open socket",
        "kill another",
        "kill the parent",
        "ptrace",
    ):
        assert answers[name] in REFUSED, (name, answers[name])


@pytest.mark.parametrize("user", USERS[:1])
def test_nothing_is_refused_without_layers(tmp_path, user):
    """The control: with all layers off the same calls work, so what refuses them above are the layers."""
    _, answers = probes(tmp_path, off="seccomp,landlock,privileges", user=user)
    for name in (
        "read a file",
        "create a file",
        "tcp connect on an open socket",
        "kill another",
        "memfd",
        "pidfd_open",
    ):
        assert answers[name] == "done", (name, answers[name])
