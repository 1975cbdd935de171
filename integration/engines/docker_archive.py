#!/usr/bin/env python3
"""docker_archive.py ROOTFS ARCHIVE NAME:TAG [COMMAND...]: an image that needs no registry.

Writes the folder ROOTFS as an image of one layer in the format of `docker save`, which docker, podman, buildah and
ctr load. COMMAND is the image's command (default: /bin/sh). Called by furnish, as root: owners are those of the files.
"""

import hashlib
import io
import json
import os
import sys
import tarfile


def layer_of(rootfs, path):
    """Writes the layer, and returns its digest."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        tar.add(rootfs, arcname=".")
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def add_bytes(tar, name, data):
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))


def main(rootfs, archive, name, *command):
    layer = archive + ".layer"
    digest = layer_of(rootfs, layer)
    config = json.dumps({
        "architecture": "amd64",
        "os": "linux",
        "created": "2026-01-01T00:00:00Z",
        "config": {
            "Cmd": list(command) or ["/bin/sh"],
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        },
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest]},
        "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "docker_archive.py"}],
    }).encode()
    config_name = hashlib.sha256(config).hexdigest() + ".json"
    layer_name = digest + "/layer.tar"
    manifest = json.dumps([{"Config": config_name, "RepoTags": [name], "Layers": [layer_name]}]).encode()
    with tarfile.open(archive, "w") as tar:
        add_bytes(tar, config_name, config)
        tar.add(layer, arcname=layer_name)
        add_bytes(tar, "manifest.json", manifest)
    os.unlink(layer)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
