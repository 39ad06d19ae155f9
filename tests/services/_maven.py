"""Jars of Maven Central, in the folder of the services: downloaded once, with all that they depend on."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.services._folder import publish, services_folder
from tests.services._process import run

__all__ = ["artifact", "has_java", "jars"]

_POM: Final = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>eventsource</groupId><artifactId>{name}</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
{dependencies}
  </dependencies>
</project>
"""
_DEPENDENCY: Final = (
    "    <dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"
)


def has_java() -> bool:
    """Return whether Java can be run."""
    return shutil.which("java") is not None


def jars(name: str, artifacts: Sequence[str], *, install: bool = False) -> Path | None:
    """Return the folder with the jars of some artifacts; None if it is not there and must not be installed.

    Args:
        name: what they are for; a part of the folder's name, with the version of the first artifact.
        artifacts: ``group:artifact:version``.
        install: whether to download them if they are not there.
    """
    target = services_folder() / f"{name}-{artifacts[0].rpartition(':')[2]}" / "lib"
    if target.is_dir() or not install:
        return target if target.is_dir() else None
    with tempfile.TemporaryDirectory() as folder:
        dependencies = "\n".join(_DEPENDENCY.format(*each.split(":")) for each in artifacts)
        (Path(folder) / "pom.xml").write_text(_POM.format(name=name, dependencies=dependencies))
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=lib"]
        _maven(goal, folder)
        return publish(Path(folder) / "lib", target)


def artifact(name: str, coordinates: str, *, install: bool = False) -> Path | None:
    """Return the folder with one unpacked archive, ``group:artifact:version:type:classifier``; see `jars`."""
    _, artifact_id, version, packaging, classifier = coordinates.split(":")
    target = services_folder() / f"{name}-{version}"
    if target.is_dir() or not install:
        return target if target.is_dir() else None
    with tempfile.TemporaryDirectory() as folder:
        get = ["dependency:copy", f"-Dartifact={coordinates}", f"-DoutputDirectory={folder}"]
        _maven(get, folder)
        unpacked = Path(folder) / "unpacked"
        shutil.unpack_archive(
            Path(folder) / f"{artifact_id}-{version}-{classifier}.{packaging}", unpacked, filter="data"
        )
        return publish(unpacked, target)


def _maven(arguments: list[str], folder: str) -> None:
    run("mvn", "-q", "-B", *arguments, cwd=Path(folder))
