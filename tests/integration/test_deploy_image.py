"""The image: built without an engine, and run as the compose file runs it.

Debian's buildah builds it in a chroot, on a base of Debian's packages that has the base image's
name. It takes minutes, so ``make test`` leaves it to ``make test-full``.
"""

from __future__ import annotations

import json
import os
import platform as machine
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from shadowserver_connector.connector.helper import pycti_version
from shadowserver_connector.simulator.server import Simulator
from tests.connector.world import KEY, SECRET, World, check_complete, small_month
from tests.platform.opencti import OpenCTI
from tests.platform.rabbitmq import RabbitMQ

ROOT: Final = Path(__file__).resolve().parents[2]
NEEDED: Final = ("buildah", "mmdebstrap", "unshare", "setpriv")
BASE: Final = "python:3.12-slim"
OLDEST: Final = re.findall(r"^pycti==(\S+)", (ROOT / "requirements/pycti6.txt").read_text(), re.M)[
    0
]
# What tells pip how to reach a package registry, where there is a mirror.
WAYS: Final = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pip.conf")

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(7200),
    pytest.mark.skipif(
        os.getuid() != 0 or not all(map(shutil.which, NEEDED)),
        reason=f"needs root, {', '.join(NEEDED)}",
    ),
]

Buildah = Callable[..., str]


@pytest.fixture(scope="module")
def buildah(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buildah]:
    """Return a function that runs buildah, with images and containers of its own."""
    folder = tmp_path_factory.mktemp("buildah")
    where = ("--root", folder / "root", "--runroot", folder / "run")

    def run(*arguments: object) -> str:
        command = ["buildah", *map(str, where), *map(str, arguments)]
        environ = os.environ | {"BUILDAH_ISOLATION": "chroot"}
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout.strip()

    yield run
    run("umount", "--all")
    run("rm", "--all")


@pytest.fixture(scope="module")
def base(buildah: Buildah, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Make the base image of Debian's packages, under the name of the real one."""
    archive = tmp_path_factory.mktemp("base") / "base.tar"
    packages = "python3,python3-venv,python3-dev,ca-certificates"
    codename = machine.freedesktop_os_release()["VERSION_CODENAME"]
    command = ("mmdebstrap", "--quiet", "--variant=minbase", f"--include={packages}", codename)
    subprocess.run([*command, archive], check=True)
    container = buildah("from", "scratch")
    buildah("add", "--quiet", container, archive, "/")
    archive.unlink()
    buildah("run", container, "--", "ln", "-s", "/usr/bin/python3", "/usr/local/bin/python")
    for path in filter(os.path.exists, WAYS):
        buildah("copy", "--quiet", container, path, path)
    buildah("commit", "--quiet", "--rm", container, f"docker.io/library/{BASE}")
    return BASE


@dataclass(frozen=True)
class Image:
    """An image that was built, unpacked in a folder."""

    pycti: str
    root: Path
    config: Mapping[str, Any]

    def command(self, writable: Path, *arguments: str) -> list[str]:
        """Return the command that runs a program in it as its user, without rights, on a read-only
        root.

        Its volumes are folders in ``writable``.
        """
        mounts = [f"mount --bind {self.root} {self.root}", f"mount -o remount,ro,bind {self.root}"]
        for number, volume in enumerate(sorted(self.config["Volumes"])):
            folder = writable / str(number)
            if not folder.exists():
                folder.mkdir(parents=True)
                owner = (self.root / volume[1:]).stat()
                os.chown(folder, owner.st_uid, owner.st_gid)
            mounts.append(f"mount --bind {folder} {self.root}{volume}")
        mounts += [f"mount -t proc proc {self.root}/proc", f"mount --rbind /dev {self.root}/dev"]
        user = self.config["User"]
        rights = "--clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all"
        entry = f'cd {self.config["WorkingDir"]}; exec "$@"'
        chroot = f"exec chroot {self.root} setpriv --reuid {user} --regid {user} {rights} sh -c"
        script = "; ".join(["set -e", *mounts, f"{chroot} '{entry}' sh \"$@\""])
        return ["unshare", "--mount", "sh", "-c", script, "sh", *arguments]

    def environment(self, world: World) -> dict[str, str]:
        """Return the image's environment, with settings for simulator and platform."""
        own = dict(line.split("=", 1) for line in self.config["Env"])
        settings = world.environment({})
        leading = ("OPENCTI_", "CONNECTOR_", "SHADOWSERVER_")
        return {name: text for name, text in settings.items() if name.startswith(leading)} | own

    def run(
        self, world: World, writable: Path, *arguments: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in it to its end."""
        return subprocess.run(
            self.command(writable, *arguments),
            env=self.environment(world), capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip


@pytest.fixture(scope="module", params=["", OLDEST], ids=["newest", "oldest"])
def image(request: pytest.FixtureRequest, buildah: Buildah, base: str) -> Image:
    """Build the image, with the locked pycti and with one given by a build argument."""
    wanted: str = request.param
    name = f"connector-shadowserver:{wanted or 'newest'}"
    arguments = ("--build-arg", f"BASE_IMAGE={base}", "--build-arg", f"PYCTI_VERSION={wanted}")
    # Docker's format, as the other has no health checks; and what both images share is made once.
    how = ("--format", "docker", "--layers", "--pull-never")
    buildah("build", *how, *arguments, "--tag", name, ROOT)
    container = buildah("from", "--pull-never", name)
    root = Path(buildah("mount", container))
    told = json.loads(buildah("inspect", "--type", "image", name))
    return Image(wanted or pycti_version(), root, told["Docker"]["config"])


@pytest.fixture
def world(platform: OpenCTI, rabbitmq: RabbitMQ, tmp_path: Path) -> Iterator[World]:
    """Return simulator, platform and broker."""
    with Simulator(small_month(), key=KEY, secret=SECRET) as simulator:
        yield World(platform, rabbitmq, simulator, tmp_path)


def test_the_image_says_whose_it_is_and_holds_what_it_needs(image: Image, world: World) -> None:
    """It has labels, an unprivileged user, compiled modules and its pycti, and no installer."""
    assert image.config["Labels"]["org.opencontainers.image.title"] == "shadowserver-connector"
    assert image.config["User"] == "connector"
    packages = {path.name for path in image.root.glob("opt/venv/lib/python3*/site-packages/*")}
    assert not packages & {"pip", "setuptools", "plotly", "distributed"}
    assert f"pycti-{image.pycti}.dist-info" in packages
    size = sum(path.lstat().st_size for path in (image.root / "opt/venv").rglob("*"))
    assert size < 120_000_000
    said = image.run(world, world.folder / "volumes", "shadowserver-connector", "--version")
    assert said.stdout.endswith("(compiled)\n"), said


def test_the_image_imports_with_a_root_that_is_read_only(image: Image, world: World) -> None:
    """Without capabilities, on a read-only root, everything arrives and the health check passes."""
    volumes = world.folder / "volumes"
    look = "import os; print(open('/proc/self/status').read(), os.getuid()); open('/opt/x', 'w')"
    inside = image.run(world, volumes, "python", "-c", look)
    assert re.search(r"^CapEff:\s0+$", inside.stdout, re.M), inside
    assert re.search(r"^CapBnd:\s0+$", inside.stdout, re.M)
    assert re.search(r"^NoNewPrivs:\s1$", inside.stdout, re.M)
    assert inside.stdout.endswith(" 10001\n")
    assert "Read-only file system" in inside.stderr
    log = world.folder / "image.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            image.command(volumes, *image.config["Entrypoint"]),
            env=image.environment(world), stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        world.until(lambda: "Schedule next run" in log.read_text(), 300)
        check = image.config["Healthcheck"]["Test"]
        assert check[0] == "CMD"
        health = image.run(world, volumes, *check[1:])
        assert (health.returncode, health.stdout) == (0, "OpenCTI hears from the connector\n")
        process.terminate()
        assert process.wait(30) == 0
    except TimeoutError:
        pytest.fail(log.read_text()[-3000:])
    finally:
        process.kill()
        process.wait(10)
    first = json.loads(log.read_text().splitlines()[0])
    assert first["message"] == "Starting"
    assert first["attributes"]["program"] == "shadowserver-connector"
    assert first["attributes"]["pycti"] == image.pycti
    # Its platform's worker is as old as itself.
    world.worker_splits = image.pycti != OLDEST
    check_complete(world, small_month())
