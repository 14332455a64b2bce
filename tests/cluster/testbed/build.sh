#!/usr/bin/env bash
# Builds the programs the cluster tests run against, from pinned Go modules:
# etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kwok, CoreDNS.
#
# They land in a cache folder named after everything that decides their content,
# so a second call, also from another clone, builds nothing. The last line on
# stdout is that folder. Cold: some 12 minutes on two cores.
set -euo pipefail
cd "$(dirname "$0")"

kubernetes=v1.37.1 coredns=v1.15.0 kwok=v0.8.0
programs="etcd kube-apiserver kube-controller-manager kube-scheduler kwok coredns"

if ! command -v go >/dev/null; then
  echo "test bed: the Go toolchain is missing. The cluster tests build a real control plane" >&2
  echo "          and CoreDNS with it. Install Go >= 1.26 and put 'go' on PATH." >&2
  exit 1
fi

key=$(cat build.sh go.mod go.sum | sha256sum | cut -c1-16)
folder=${HEADLESS_DISCOVERY_TESTBED:-${XDG_CACHE_HOME:-$HOME/.cache}/headless-discovery}/testbed-$key
mkdir -p "$folder"

stamp=k8s.io/component-base/version
flags="-s -w -X $stamp.gitVersion=$kubernetes -X $stamp.gitMajor=1 -X $stamp.gitMinor=37 -X $stamp.gitTreeState=clean"
export CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false"

for program in $programs; do
  [ -x "$folder/$program" ] && continue
  echo "test bed: building $program" >&2
  started=$SECONDS
  fresh=$(mktemp -d "$folder/.build.XXXXXX")   # a build cut short leaves no half a program
  case $program in
    etcd)    go build -ldflags "-s -w" -o "$fresh/$program" go.etcd.io/etcd/server/v3 ;;
    kwok)    GOBIN="$fresh" go install -ldflags "-s -w" "sigs.k8s.io/kwok/cmd/kwok@$kwok" ;;
    coredns) GOBIN="$fresh" go install -ldflags "-s -w" "github.com/coredns/coredns@$coredns" ;;
    *)       go build -ldflags "$flags" -o "$fresh/$program" "k8s.io/kubernetes/cmd/$program" ;;
  esac
  mv "$fresh/$program" "$folder/$program"
  rmdir "$fresh"
  echo "test bed: $program took $((SECONDS - started)) s" >&2
done
echo "$folder"
