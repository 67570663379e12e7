# One image with all programs. The command selects one: planet (the whole service, the default), planet-api, planet-worker
# or planet-admin.

FROM rust:1.95-bookworm AS build
WORKDIR /src

# Builds the dependencies in a separate layer, which stays cached until a Cargo.toml or Cargo.lock changes. The workspace's
# own crates are stubs here.
COPY Cargo.toml Cargo.lock ./
COPY api/Cargo.toml api/
COPY asciify/Cargo.toml asciify/
COPY common/Cargo.toml common/
COPY migration/Cargo.toml migration/
COPY testkit/Cargo.toml testkit/
COPY worker/Cargo.toml worker/
RUN set -eu; \
    for crate in api asciify common migration testkit worker; do \
      mkdir -p "$crate/src"; \
      touch "$crate/src/lib.rs"; \
    done; \
    for bin in api/src/main.rs api/src/bin/planet.rs api/src/bin/planet-admin/main.rs asciify/src/bin/asciify/main.rs \
        asciify/benches/stages.rs worker/src/main.rs; do \
      mkdir -p "$(dirname "$bin")"; \
      echo 'fn main() {}' >"$bin"; \
    done; \
    cargo build --release --locked --package api --package worker --bins; \
    rm -r ./*/src

# Builds the workspace's crates. The touch makes every source newer than its stub, so that cargo builds it.
COPY . .
RUN find api asciify common migration testkit worker -name '*.rs' -exec touch {} + \
    && cargo build --release --locked --package api --package worker --bins \
    && mkdir /out \
    && cp target/release/planet target/release/planet-api target/release/planet-worker target/release/planet-admin /out/

FROM debian:bookworm-slim
# The certificate authorities for TLS connections to the store, the database and the broker.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
RUN useradd --uid 10002 --user-group --no-create-home --home-dir /var/lib/planet --shell /usr/sbin/nologin planet \
    && install -d -o planet -g planet /var/lib/planet /var/lib/planet/data /var/lib/planet/spool
COPY --from=build /out/ /usr/local/bin/
# `planet` keeps its data in this folder: mount a volume at /var/lib/planet/data to preserve it.
WORKDIR /var/lib/planet
ENV BIND=0.0.0.0:8080 SPOOL_DIR=/var/lib/planet/spool
USER 10002:10002
EXPOSE 8080
CMD ["planet"]
