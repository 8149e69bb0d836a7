FROM alpine
ONBUILD COPY --chown=1 . /x
ONBUILD RUN ["a"]
