#!/usr/bin/env bash
# Prints the path of a Chromium. Where there is none and Debian's packages can be installed, installs it.
set -euo pipefail
find_it() {
    for name in chromium chromium-browser google-chrome; do
        command -v "$name" && return
    done
    return 1
}
find_it && exit
if [[ $(id -u) != 0 ]] || ! command -v apt-get > /dev/null; then
    echo "found no chromium, and neither root nor apt-get to install it" >&2
    exit 1
fi
{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium; } >&2
find_it
