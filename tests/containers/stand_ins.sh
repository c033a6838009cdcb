#!/usr/bin/env bash
# Local stand-ins for the public images that docker/Dockerfile and docker-compose.yml name, for a machine that reaches
# Debian's packages but no container registry: Debian's Python, HAProxy and Prometheus, under the public names, in podman.
# Needs root, podman and debootstrap. Grafana is not in Debian.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# make_image SUITE PACKAGES IMAGE OPTIONS...: a minimal Debian with these packages, unless the image is there.
make_image() {
    local suite=$1 packages=$2 image=$3
    shift 3
    podman image exists "$image" && return
    debootstrap --variant=minbase --include="$packages,ca-certificates" "$suite" "$work/root" >"$work/log" || {
        cat "$work/log" >&2
        return 1
    }
    rm -rf "$work"/root/var/cache/apt/* "$work"/root/var/lib/apt/lists/*
    install --directory --owner=65534 --group=65534 "$work/root/prometheus"
    tar -C "$work/root" -c . | podman import --quiet "$@" - "$image"
    rm -rf "$work/root"
}

make_image bookworm python3,python3-pip,python3-venv,python-is-python3 docker.io/library/python:3.11-slim-bookworm
make_image trixie haproxy docker.io/library/haproxy:3.0
make_image trixie prometheus docker.io/prom/prometheus:v2.53.3 --change 'ENTRYPOINT ["prometheus"]'
