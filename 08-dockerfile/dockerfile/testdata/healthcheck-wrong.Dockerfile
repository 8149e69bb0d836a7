FROM alpine
HEALTHCHECK --interval=x CMD a
