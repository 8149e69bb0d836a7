FROM alpine
RUN echo "a \
  b"
LABEL a="x \
  y"
WORKDIR "/a b"
