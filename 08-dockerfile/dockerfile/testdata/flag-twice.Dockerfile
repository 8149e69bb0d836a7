FROM alpine
COPY --from=x --from=y a b
