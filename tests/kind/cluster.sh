#!/usr/bin/env bash
# A cluster of one node to throw away, with a registry that this machine and the node know by the same name.
#
#   tests/kind/cluster.sh up      make both, or say that they are there
#   tests/kind/cluster.sh down    remove both
#
# Needs docker and kind (go install sigs.k8s.io/kind@v0.33.0). The kubectl context is kind-template.
set -euo pipefail

cluster=template
registry=kind-registry
address=localhost:5001
image=registry:3@sha256:1be55279f18a2fe1a74edf2664cac61c1bea305b7b4642dab412e7affdcb3e33

up() {
  if kind get clusters 2> /dev/null | grep --quiet --line-regexp "$cluster"; then
    echo "kind-$cluster is there already"
    return
  fi
  docker rm --force "$registry" > /dev/null 2>&1 || true
  docker run --detach --name "$registry" --publish "127.0.0.1:${address#*:}:5000" "$image" > /dev/null
  kind create cluster --name "$cluster" --wait 120s
  docker network connect kind "$registry"
  # On the node, localhost is the node: its containerd asks the registry by the name that it has between containers.
  hosts="/etc/containerd/certs.d/$address"
  docker exec "$cluster-control-plane" mkdir -p "$hosts"
  printf '[host."http://%s:5000"]\n' "$registry" |
    docker exec --interactive "$cluster-control-plane" cp /dev/stdin "$hosts/hosts.toml"
}

down() {
  kind delete cluster --name "$cluster"
  docker rm --force "$registry" > /dev/null
}

case "${1:-}" in
  up | down) "$1" ;;
  *) echo "usage: $0 up|down" >&2 && exit 2 ;;
esac
