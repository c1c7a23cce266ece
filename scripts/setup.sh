#!/usr/bin/env bash
# Prepares libtorch for the build, and PyTorch for the tests.
#
#   setup.sh light   what `eco` needs to build and run on a CPU (about 1.2 GB)
#   setup.sh full    the whole wheel with its CUDA packages, and what the scripts and tests need (about 4.7 GB)
#
# LIBTORCH (a folder with lib/ and include/) or LIBTORCH_USE_PYTORCH=1 (the Python on the PATH has PyTorch), when set, are
# used as they are. ECO_TORCH_INDEX names another package index for the wheels, such as one with CPU-only wheels.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly VERSION=2.13.0
readonly VENV=.venv
form=${1:-light}

fail() {
    printf 'setup: %s\n' "$1" >&2
    cat >&2 <<EOF
Ways to give eco its libtorch $VERSION:
  - unset LIBTORCH and LIBTORCH_USE_PYTORCH, and run \`make setup\`: it is fetched into $VENV;
  - LIBTORCH=/path/to/libtorch: a folder with lib/ and include/, from pytorch.org or a torch==$VERSION wheel;
  - LIBTORCH_USE_PYTORCH=1: the torch==$VERSION that the Python on the PATH imports;
  - an installation that was interrupted: rm -rf $VENV, and run \`make setup\` again.
LIBTORCH_BYPASS_VERSION_CHECK=1 accepts another version, at your own risk.
EOF
    exit 1
}

check_version() { # where, version found
    [ "${2%%+*}" = "$VERSION" ] || [ -n "${LIBTORCH_BYPASS_VERSION_CHECK:-}" ] ||
        fail "$1 is version $2, eco is built for $VERSION"
}

version_of() { # folder
    if [ -f "$1/build-version" ]; then
        cat "$1/build-version"
    elif [ -f "$1/version.py" ]; then
        sed -n "s/^__version__ = '\(.*\)'/\1/p" "$1/version.py"
    fi
}

check_folder() { # folder, what to call it
    [ -d "$1" ] || fail "$2 does not exist"
    local library
    library=$(find "$1/lib" -maxdepth 1 -name 'libtorch_cpu.*' 2>/dev/null | head -n 1) || true
    [ -n "$library" ] || fail "$2 has no lib/libtorch_cpu"
    [ -f "$1/include/torch/csrc/api/include/torch/torch.h" ] || fail "$2 has libraries but no C++ headers under include/"
    local version
    version=$(version_of "$1")
    [ -z "$version" ] || check_version "$2" "$version"
}

use_given() {
    if [ -n "${LIBTORCH_USE_PYTORCH:-}" ]; then
        local python=python3 version
        [ -z "${VIRTUAL_ENV:-}" ] || python=python
        version=$("$python" -c 'import torch; print(torch.__version__)' 2>/dev/null) ||
            fail "LIBTORCH_USE_PYTORCH is set, but $(command -v "$python" || echo "$python") cannot import torch"
        check_version "the torch of $(command -v "$python")" "$version"
    else
        check_folder "$LIBTORCH" "LIBTORCH=$LIBTORCH"
    fi
}

make_venv() {
    [ -x "$VENV/bin/pip" ] && return
    command -v python3 >/dev/null || fail "python3 was not found; it fetches the libtorch wheel"
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
        fail "$(python3 --version) is too old: torch $VERSION needs Python 3.10 or newer"
    python3 -m venv "$VENV" || fail "python3 cannot make a virtual environment (on Debian: apt install python3-venv)"
}

install() {
    local index=()
    [ -z "${ECO_TORCH_INDEX:-}" ] || index=(--index-url "$ECO_TORCH_INDEX")
    "$VENV/bin/pip" install --disable-pip-version-check "${index[@]}" "$@" ||
        fail "pip could not install the torch $VERSION wheel"
}

torch_folder() {
    find "$VENV"/lib/python3*/site-packages -maxdepth 1 -name torch -type d 2>/dev/null | head -n 1 || true
}

link_libtorch() {
    local folder
    folder=$(torch_folder)
    [ -n "$folder" ] || fail "$VENV has no torch package"
    ln -sfn "${folder#"$VENV/"}" "$VENV/libtorch"
    check_folder "$VENV/libtorch" "$VENV/libtorch"
}

fetch_light() {
    [ -d "$VENV/libtorch/lib" ] && return
    make_venv
    echo "Fetching libtorch $VERSION into $VENV (about 1.2 GB, once) ..."
    install --no-deps "torch==$VERSION"
    # libtorch_cpu of a wheel with CUDA is linked to these two of its libraries, on machines without a GPU too.
    if [ -e "$(torch_folder)/lib/libtorch_cuda.so" ]; then
        install --no-deps "nvidia-cuda-runtime==13.0.*" "nvidia-cuda-cupti==13.0.*"
    fi
    link_libtorch
}

fetch_full() {
    local stamp=$VENV/requirements.txt
    cmp --silent scripts/requirements.txt "$stamp" && return
    make_venv
    echo "Fetching PyTorch $VERSION and what the tests need into $VENV (about 4.7 GB, once) ..."
    # The index may carry PyTorch only, so that everything else comes from the default one.
    [ -z "${ECO_TORCH_INDEX:-}" ] || install "torch==$VERSION"
    ECO_TORCH_INDEX='' install -r scripts/requirements.txt
    link_libtorch
    cp scripts/requirements.txt "$stamp"
}

case $form in
light)
    if [ -n "${LIBTORCH:-}${LIBTORCH_USE_PYTORCH:-}" ]; then use_given; else fetch_light; fi
    ;;
full)
    [ -z "${LIBTORCH:-}${LIBTORCH_USE_PYTORCH:-}" ] || use_given
    fetch_full
    ;;
*)
    echo "usage: setup.sh light|full" >&2
    exit 2
    ;;
esac
