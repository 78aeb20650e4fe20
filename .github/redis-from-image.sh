#!/usr/bin/env bash
# Takes the server out of a container image, so that tests can start, freeze and kill it as a process of their own.
# Usage: redis-from-image.sh IMAGE FOLDER. It prints the path of a launcher, which is what REDIS_SERVER_BIN takes.
set -euo pipefail

image=$1
folder=$2

mkdir -p "$folder/root"
container=$(docker create "$image")
docker export "$container" | tar --extract --directory "$folder/root" --exclude 'dev/*' --exclude 'proc/*'
docker rm "$container" >/dev/null

server=$(find "$folder/root/usr/local/bin" -type f \( -name redis-server -o -name valkey-server \) -print -quit)
# With the image's own loader and libraries: this machine may have older ones.
loader=$(find "$folder/root/usr/lib" "$folder/root/lib/" -type f -name 'ld-linux*.so.*' -print -quit)
test -n "$server" && test -n "$loader"

cat >"$folder/redis-server" <<LAUNCHER
#!/bin/sh
exec "$loader" --library-path "$(dirname "$loader")" "$server" "\$@"
LAUNCHER
chmod +x "$folder/redis-server"
"$folder/redis-server" --version >&2
echo "$folder/redis-server"
