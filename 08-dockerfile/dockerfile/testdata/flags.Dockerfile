FROM alpine
COPY --chown="a b" --chmod=755 --link a b
ADD --checksum=sha256:00 http://x/y /z
RUN --mount=type=cache,target=/x --mount=type=secret,id=a --network=none -- echo --x
COPY -- --a b
