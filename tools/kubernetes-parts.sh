#!/usr/bin/env bash
# Builds a real kube-apiserver from Debian's source package, once, and keeps it with etcd and the kubectls that Debian has.
# Prints the folder of the programs on stdout and its progress on stderr. Installs nothing, needs no root; 5 minutes and 3 GB on two idle cores.
set -euo pipefail

# The newest Debian source that holds a server, and the Go that builds it; sid moves on, so its kubectl is what there is at the time.
release=bookworm go=1.19 kubernetes=1.20.2

say() { printf 'kubernetes parts: %s\n' "$*" >&2; }
leave() { say "$*"; exit 3; }

cache="${XDG_CACHE_HOME:-$HOME/.cache}/sallyport/kubernetes"
hash=$(sha256sum "${BASH_SOURCE[0]}" | cut -c1-12)
candidate() { apt-cache policy "$1" 2>/dev/null | sed -n 's/^  Candidate: //p'; }
built() { [ -f "$cache/$1/complete" ] && touch "$cache/$1/complete" && echo "$cache/$1/bin"; }

# What the system's own lists say needs no network. Where they do not know the release, a build of this very script is taken as it is.
source_version=$(candidate kubernetes-client) go_version=$(candidate "golang-$go-go")
if [[ $source_version == *"$kubernetes"* && $go_version == "$go"* ]]; then
  built "$source_version-go-$go_version-$hash" && exit 0
else
  for each in "$cache"/*-"$hash"; do built "${each##*/}" && exit 0; done
fi
if [ "${1:-}" = --built ]; then exit 1; fi

command -v apt-get dpkg-deb flock > /dev/null || leave 'left out: there is no apt here, and the sources come from Debian'
# shellcheck disable=SC1091
codename=$(. /etc/os-release && [ "$ID" = debian ] && echo "$VERSION_CODENAME") || leave 'left out: this is not Debian, and the sources come from its archive'
# By the name in the sources, which needs no lists yet; where that is another (stable), by what the archive calls it.
archive=$(apt-get indextargets --no-release-info --format '$(REPO_URI)' "Release: $codename" 'Created-By: Packages' | head -n 1)
archive=${archive:-$(apt-get indextargets --format '$(REPO_URI)' "Codename: $codename" 'Created-By: Packages' | head -n 1)}
keys=/usr/share/keyrings/debian-archive-keyring.gpg
{ [ -n "$archive" ] && [ -f "$keys" ]; } || leave 'left out: apt knows no archive of Debian'

mkdir -p "$cache"
exec 9> "$cache/lock"
flock -n 9 || { say 'another build is under way, waiting for it'; flock 9; exec "${BASH_SOURCE[0]}" "$@"; }
work=$(mktemp -d "$cache/build-XXXXXX")
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT

# A private view of the archive: sources of one release and newer binaries, without touching the system's own lists.
mkdir -p "$work"/apt/{parts,lists/partial,cache/archives/partial} "$work"/{deb,src,done/bin}
printf 'Types: deb deb-src\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' "$archive" "$release" "$keys" > "$work/apt/parts/release.sources"
printf 'Types: deb\nURIs: %s\nSuites: trixie sid\nComponents: main\nSigned-By: %s\n' "$archive" "$keys" > "$work/apt/parts/newer.sources"
cat > "$work/apt/apt.conf" <<CONF
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$work/apt/parts";
Dir::State::lists "$work/apt/lists";
Dir::Cache "$work/apt/cache";
Acquire::Retries "1";
Acquire::Languages "none";
APT::Sandbox::User "";
CONF
export APT_CONFIG="$work/apt/apt.conf"
say "reading the archive's lists"
apt-get -qq update >&2 || leave 'left out: the archive does not answer'
source_version=$(apt-cache madison kubernetes | awk -F' *[|] *' '/Sources/ { print $2; exit }')
[[ $source_version == *"$kubernetes"* ]] || leave "left out: the archive has kubernetes '$source_version', this is for $kubernetes"
go_version=$(apt-cache madison "golang-$go-go" | awk -F' *[|] *' -v suite="$release/" 'index($3, suite) { print $2; exit }')
name="$source_version-go-$go_version-$hash"

fetch() { (cd "$work/deb" && rm -f ./*.deb && apt-get -qq download "$1" > /dev/null && dpkg-deb -x ./*.deb "$2"); }
say "fetching kubernetes $source_version, Go $go_version, etcd"
need() { fetch "$@" || leave "left out: the archive does not give $1"; }
need "golang-$go-go/$release" "$work/go"
need "golang-$go-src/$release" "$work/go"
need "golang-github-modern-go-reflect2-dev/$release" "$work/reflect2"
need "etcd-server/$release" "$work/etcd"
(cd "$work/src" && apt-get -qq --download-only source "kubernetes/$release" && tar xzf kubernetes_*.orig.tar.gz && rm -f kubernetes_*) ||
  leave "left out: the archive does not give the source of kubernetes"
install -m 755 "$work/etcd/usr/bin/etcd" "$work/done/bin/etcd"
client() {
  if fetch "$1" "$work/$3" 2> "$work/error"; then
    install -m 755 "$work/$3/usr/bin/$2" "$work/done/bin/$3"
  else say "$1 is not to be had, going on without: $(tail -n 1 "$work/error")"; fi
}
client "kubernetes-client/$release" kubectl kubectl-oldest
client kubectl/trixie kubectl kubectl-older
client kubectl/sid kubectl kubectl-newest
# What the build itself calls, where the system does not have it.
for each in make jq rsync; do
  command -v "$each" > /dev/null && continue
  need "$each/$release" "$work/tools"
  case $each in
    jq) need "libjq1/$release" "$work/tools" && need "libonig5/$release" "$work/tools" ;;
    rsync) need "libpopt0/$release" "$work/tools" && need "libxxhash0/$release" "$work/tools" ;;
    make) ;;
  esac
done
export PATH="$work/go/usr/lib/go-$go/bin:$PATH:$work/tools/usr/bin"
export LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$work/tools/usr/lib/$(uname -m)-linux-gnu"

# The vendored reflect2 does not fit this Go: the server would start, look healthy and die on its hundredth answer. Debian's own copy fits.
tree="$work/src/kubernetes-$kubernetes" reflect2=github.com/modern-go/reflect2
rm -f "$tree/vendor/$reflect2"/*.{go,s}
cp "$work/reflect2/usr/share/gocode/src/$reflect2"/*.{go,s} "$tree/vendor/$reflect2/"
mkdir -p "$tree/.go/src/k8s.io"
ln -sfn ../../.. "$tree/.go/src/k8s.io/kubernetes"
cat > "$tree/.kubeversion" <<VERSION
KUBE_GIT_COMMIT='faecb196815e248d3ecfb03c680a4507229c2a56'
KUBE_GIT_TREE_STATE='archive'
KUBE_GIT_VERSION='v$kubernetes'
KUBE_GIT_MAJOR='1'
KUBE_GIT_MINOR='20'
VERSION
export GOROOT="$work/go/usr/lib/go-$go" GOPATH="$tree/.go" GOCACHE="$work/gocache" CGO_ENABLED=0 KUBE_GIT_VERSION_FILE="$tree/.kubeversion"
# Without the clients of four clouds it is half as large and as long to build; nothing of the API is theirs.
say 'building kube-apiserver (minutes)'
started=$SECONDS
if ! make -C "$tree" WHAT=cmd/kube-apiserver GOFLAGS=-tags=providerless > "$work/make.log" 2>&1; then
  tail -n 30 "$work/make.log" >&2
  leave 'left out: the build failed'
fi
install -m 755 "$tree/_output/bin/kube-apiserver" "$work/done/bin/kube-apiserver"
printf '%s\n' "$name" > "$work/done/complete"
rm -rf "${cache:?}/$name"
mv "$work/done" "$cache/$name"
say "built in $((SECONDS - started)) s: $name"
# Builds of earlier versions of this file that nobody asked for in a month.
find "$cache" -mindepth 2 -maxdepth 2 -name complete -mtime +30 -printf '%h\n' | xargs -r rm -rf
echo "$cache/$name/bin"
