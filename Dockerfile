# The CPU build of eco, and ffmpeg for videos: docker build -t eco . && docker run --rm -v "$PWD:/clips" eco classify /clips
FROM rust:1.95-slim-bookworm AS build
WORKDIR /eco
COPY . .
RUN cargo build --release --locked --no-default-features --bin eco && strip target/release/eco

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ffmpeg \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home eco
COPY --from=build /eco/target/release/eco /usr/local/bin/eco
COPY LICENSE-MIT LICENSE-APACHE /usr/local/share/doc/eco/
USER eco
WORKDIR /home/eco
ENTRYPOINT ["eco"]
