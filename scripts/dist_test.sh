#!/usr/bin/env bash
# Tries archives of dist.py as somebody does who has nothing but them: each is unpacked into an empty root with the C library, and used there.
# Root tests in that root alone (chroot), others with an empty environment.
#
#   dist_test.sh ARCHIVE...
set -euo pipefail
cd "$(dirname "$0")/.."

# What every Linux system has: the C library and its loader, and the libraries of the compiler.
copy_system() { # program, root
    ldd "$1" | grep -oE '/[^ ]+' | while read -r library; do
        case $(basename "$library") in
        ld-linux* | libc.* | libm.* | libdl.* | librt.* | libpthread.* | libgcc_s.* | libstdc++.* | libutil.*)
            mkdir -p "$2/$(dirname "$library")"
            cp -L "$library" "$2/$library"
            ;;
        esac
    done
}

for archive; do
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    (cd "$(dirname "$archive")" && grep " $(basename "$archive")\$" SHA256SUMS | sha256sum --check --quiet)
    tar -xzf "$archive" -C "$root" --strip-components 1
    copy_system "$root/bin/eco" "$root"
    mkdir -p "$root/tmp"
    cp -r tests/clips "$root/clips"
    if [ "$(id -u)" = 0 ]; then
        eco() { env -i "$(command -v chroot)" "$root" /bin/eco "$@"; }
        clips=/clips
    else
        eco() { env -i "$root/bin/eco" "$@"; }
        clips=$root/clips
    fi

    eco --version
    answers=$(eco classify "$clips" --weights demo --format csv --topk 1 --quiet)
    # A clip's directory is named after what happens in it.
    printf '%s\n' "$answers" | awk -F, '
        NR > 1 { n = split($1, part, "/"); gsub("_", " ", part[n]); clips++; wrong += part[n] != $8 }
        END { exit wrong || clips != 6 }' || { printf '%s\n' "$answers" >&2; exit 1; }
    case $archive in
    *-libtorch.tar.gz) eco classify "$clips/growing" --weights demo --engine libtorch --device cpu --quiet ;;
    esac
    for file in share/man/man1/eco-classify.1 share/bash-completion/completions/eco share/zsh/site-functions/_eco \
        share/fish/vendor_completions.d/eco.fish share/doc/eco/LICENSE-MIT share/doc/eco/THIRD-PARTY.txt; do
        [ -s "$root/$file" ] || { printf 'dist_test: %s is missing\n' "$file" >&2; exit 1; }
    done
    printf '%s works\n' "$(basename "$archive")"
    rm -rf "$root"
done
