#!/usr/bin/env bash
# Prints `libav`, the Cargo feature, where FFmpeg's headers (5.1 or newer) and libclang, which reads them, are installed.
set -euo pipefail

pkg-config --exists 'libavcodec >= 59.37' 'libavfilter >= 8.44' 'libavformat >= 59.27' 'libavutil >= 57.28' \
    'libswscale >= 6.7' 2> /dev/null || exit 0

# As bindgen finds it: where LIBCLANG_PATH says, beside llvm-config, among the system's libraries.
folders=("${LIBCLANG_PATH:-}")
if command -v llvm-config > /dev/null; then folders+=("$(llvm-config --libdir)"); fi
folders+=(/usr/lib /usr/lib64 /usr/local/lib /usr/lib/*-linux-gnu /usr/lib/llvm*/lib /usr/lib64/llvm*/lib)
folders+=(/Library/Developer/CommandLineTools/usr/lib /opt/homebrew/opt/llvm/lib)
for folder in "${folders[@]}"; do
    if compgen -G "$folder/libclang*.so*" > /dev/null || compgen -G "$folder/libclang.dylib" > /dev/null; then
        echo libav
        exit 0
    fi
done
