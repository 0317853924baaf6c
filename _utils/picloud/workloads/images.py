"""
What a container image may say: which name and version it has, for which architectures, what is in
it, and which of its versions must not run.

The docstring under a field is its documentation: it goes into the JSON Schema and the reference.
"""

from __future__ import annotations

from pydantic import Field

from picloud import formats as f
from picloud.parts import Arch, Model


class ImageFile(Model):
    """A file of the image."""

    contents: f.Text | None = None
    """What it holds."""
    source: f.AbsolutePath | None = None
    """Or a file of the master that it is copied from."""
    mode: f.FileMode = "0644"
    """Its permissions, in quotes."""


class ImageBuild(Model):
    """How the image is made, from Debian's packages."""

    suite: f.Name
    """Debian's release: bookworm."""
    packages: f.Many[f.Package] = ()
    """Packages beside Debian's essential ones."""
    pip: f.Many[f.Requirement] = ()
    """Packages of PyPI, `name==version --hash=sha256:...`, with all that they need from there; for
    what Debian has not. `python3` is one of `packages` then, and none has compiled code."""
    exclude: f.Many[f.Glob] = ()
    """Paths of what these bring and nobody needs: left out, with all that is below them. `*` stands
    for any text without `/`; each is the path of something."""
    files: dict[f.AbsolutePath, ImageFile] = Field(default_factory=dict)
    """Files beside those of the packages, by their path in the image."""
    env: dict[f.Variable, f.Text] = Field(default_factory=dict)
    """Environment variables."""
    user: f.Word | None = None
    """Who it runs as; root when left out."""
    workdir: f.AbsolutePath | None = None
    """Folder that it starts in."""
    entrypoint: f.Many[f.Text] = ()
    """What it runs, word by word."""
    args: f.Many[f.Text] = ()
    """What that is told unless a workload says otherwise, word by word."""


class BlockedTag(Model):
    """Versions of an image that must not run."""

    tag: f.Version
    """The tag; `*` stands for any text."""
    archs: f.Many[Arch] = ()
    """Architectures on which it is blocked; all when left out."""
    reason: f.Line
    """Why: users read it."""
    use: f.Line
    """What to use instead."""


class ContainerImage(Model):
    """What a container is started from. One name stands for all architectures."""

    name: f.ImageName | None = None
    """Its name in a registry, without a tag; `picloud/<entry>` when left out."""
    tag: f.Tag
    """Its tag: the version."""
    digest: f.Digest | None = None
    """Its digest, where nothing but these very bytes may run."""
    archs: f.Many[Arch] = Field(min_length=1)
    """Architectures that it is made for."""
    build: ImageBuild | None = None
    """How it is made; left out where it comes from elsewhere."""
    copy_of: f.ImageReference | None = None
    """The image of another registry that `image.build` copies to the site's, such as
    `docker.io/library/redis:7.2`. Without this and `build` nodes need to have the image, by
    `docker: images`, or pull it over the uplink from where its name says, unchecked."""
    blocked: f.Many[BlockedTag] = ()
    """Versions that are refused, with the reason."""

    @property
    def is_ours(self) -> bool:
        """Whether nodes pull it from the registry of their site."""
        return self.build is not None or self.copy_of is not None


def reference(entry: str, image: ContainerImage) -> str:
    """
    Return what Docker calls an image.

    entry
        Its name in the description.
    image
        What the description says of it.

    >>> reference("web", ContainerImage(tag="1", archs=("armhf",)))
    'picloud/web:1'
    """
    digest = f"@{image.digest}" if image.digest else ""
    return f"{tagged(entry, image)}{digest}"


def tagged(entry: str, image: ContainerImage) -> str:
    """
    Return the name and tag of an image, under which a registry keeps it.

    entry
        Its name in the description.
    image
        What the description says of it.

    >>> tagged("web", ContainerImage(tag="1", archs=("armhf",), digest=f"sha256:{'0' * 64}"))
    'picloud/web:1'
    """
    return f"{image.name or f'picloud/{entry}'}:{image.tag}"
