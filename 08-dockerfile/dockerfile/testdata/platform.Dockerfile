FROM --platform=$BUILDPLATFORM alpine AS x
RUN a
