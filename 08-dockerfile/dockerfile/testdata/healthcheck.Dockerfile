FROM alpine
HEALTHCHECK --interval=5s --timeout=3s --retries=2 --start-period=1m CMD curl -f http://x || exit 1
HEALTHCHECK CMD ["a", "b"]
HEALTHCHECK NONE
