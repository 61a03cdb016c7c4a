#!/usr/bin/env bash
# Makes the cargo feature `torch` buildable: fetches libtorch once into a cache and points cargo at it through
# .cargo/config.toml, which git ignores because its paths and its C++ ABI hold for this machine only.
#
# You need this where the build cannot reach pytorch.org, or to keep one copy for many target directories; otherwise
# `cargo build --features torch` downloads libtorch by itself. Run it again at any time: a finished job is left alone.
set -euo pipefail

version=2.4.1 # tch 0.17 is written against libtorch 2.4
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${PLAINT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/plaint}
config=$here/.cargo/config.toml
marker="# written by scripts/libtorch.sh"

say() { printf 'libtorch: %s\n' "$*"; }
fail() { printf 'libtorch: %s\n' "$*" >&2; exit 1; }

# Extracts from the archive $1 into $2 the members whose names match one of the patterns that follow.
extract() {
    python3 - "$@" <<'PYTHON'
import sys, zipfile, fnmatch
archive, into, *patterns = sys.argv[1:]
with zipfile.ZipFile(archive) as z:
    members = [n for n in z.namelist() if any(fnmatch.fnmatchcase(n, p) for p in patterns)]
    missing = [p for p in patterns if not fnmatch.filter(members, p)]
    if missing:
        sys.exit(f"libtorch: {archive} holds nothing like {missing}")
    z.extractall(into, members)
PYTHON
}

# Route A: the official archive, C++11 ABI.
from_pytorch() {
    say "downloading $zip_url"
    curl -fL --retry 3 -o "$stage/libtorch.zip" "$zip_url"
    extract "$stage/libtorch.zip" "$stage" 'libtorch/*'
    # torch-sys compares this file with 2.4.0 to the letter; the patch release has the same interface.
    rm -f "$stage/libtorch.zip" "$stage/libtorch/build-version"
    echo 1 >"$stage/libtorch/cxx11-abi"
}

# Route B: the CPU half of the Python wheel, older C++ ABI. The platform is named, so any Python will do.
from_wheel() {
    say "pytorch.org is out of reach; taking libtorch out of the Python wheel torch $version (800 MB)"
    cat >"$stage/requirements.txt" <<'REQUIREMENTS'
torch==2.4.1 --hash=sha256:0b5f88afdfa05a335d80351e3cea57d38e578c8689f751d35e0ff36bce872113
nvidia-cuda-cupti-cu12==12.1.105 --hash=sha256:e54fde3983165c624cb79254ae9818a456eb6e87a7fd4d56a2352c24ee542d7e
nvidia-cuda-runtime-cu12==12.1.105 --hash=sha256:6e258468ddf5796e25f1dc591a31029fa317d97a0a94ed93468fc86301d61e40
REQUIREMENTS
    python3 -m pip --disable-pip-version-check download --quiet --no-cache-dir --no-deps --require-hashes \
        --only-binary=:all: --implementation cp --python-version 3.11 --abi cp311 --abi none \
        --platform manylinux1_x86_64 --dest "$stage/wheels" --requirement "$stage/requirements.txt"

    say "extracting"
    # Not libtorch_cuda.so: torch-sys would link it if it were there. libtorch_cpu.so still asks for the two CUDA
    # libraries below, which work without a GPU.
    extract "$stage"/wheels/torch-*.whl "$stage" 'torch/include/*' torch/lib/libc10.so torch/lib/libtorch_cpu.so \
        'torch/lib/libgomp-*.so.1'
    extract "$stage"/wheels/nvidia_cuda_cupti*.whl "$stage" '*/libcupti.so.12'
    extract "$stage"/wheels/nvidia_cuda_runtime*.whl "$stage" '*/libcudart.so.12'
    mv "$stage"/torch "$stage/libtorch"
    mv "$stage"/nvidia/*/lib/*.so.12 "$stage/libtorch/lib/"
    rm -r "$stage/wheels" "$stage/nvidia"
    cd "$stage/libtorch/lib"
    ln -s libtorch_cpu.so libtorch.so        # the wheel's own libtorch.so wants CUDA
    ln -s libgomp-*.so.1 libgomp.so.1        # else the linker brings in a second OpenMP runtime
    echo 0 >"$stage/libtorch/cxx11-abi"
    cd "$here"
}

if [[ "$(uname -s)-$(uname -m)" != Linux-x86_64 ]]; then
    fail "this script knows Linux on x86_64 only. On $(uname -s) $(uname -m), install libtorch $version yourself" \
        "(for example with pip install torch==$version) and set LIBTORCH to the folder that holds its lib/ and include/."
fi
cache=$(realpath -m "$cache") # absolute: cargo runs build scripts in other folders
libtorch=$cache/libtorch-$version

if [[ -e $config ]] && ! grep -qF "$marker" "$config"; then
    own_config=yes # found out before the download, reported after it
fi

if [[ -e $libtorch/complete ]]; then
    say "already in $libtorch"
else
    for tool in python3 curl; do
        command -v "$tool" >/dev/null || fail "needs $tool"
    done
    mkdir -p "$cache"
    stage=$(mktemp -d "$cache/libtorch.XXXXXX") # the same file system as the goal, so that the last mv is atomic
    trap 'rm -rf "$stage"' EXIT
    zip_url=https://download.pytorch.org/libtorch/cpu/libtorch-cxx11-abi-shared-with-deps-$version%2Bcpu.zip
    if curl -fsIL --max-time 5 -o /dev/null "$zip_url"; then
        from_pytorch
    else
        from_wheel
    fi
    touch "$stage/libtorch/complete"
    rm -rf "$libtorch"
    mv "$stage/libtorch" "$libtorch"
    say "ready in $libtorch ($(du -sh "$libtorch" | cut -f1))"
fi

# Under the default policy idle OpenMP threads spin, and beside any other busy process a call takes 50 times as long.
settings="[env]
LIBTORCH = '$libtorch'
LIBTORCH_CXX11_ABI = \"$(<"$libtorch/cxx11-abi")\"
OMP_WAIT_POLICY = \"PASSIVE\""

if [[ -n ${own_config-} ]]; then
    fail "$config is your own file, so it is left alone. Add to it:
$settings"
fi
settings="$marker; git ignores it
$settings"
if [[ ! -e $config || "$(<"$config")" != "$settings" ]]; then
    mkdir -p "$here/.cargo"
    printf '%s\n' "$settings" >"$config"
    say "wrote ${config#"$here"/}; now: cargo test --features torch"
fi
