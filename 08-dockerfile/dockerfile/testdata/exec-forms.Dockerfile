FROM alpine
RUN ["a", "b c"]
ENTRYPOINT [ "x" ]
CMD []
SHELL ["/bin/bash", "-c"]
VOLUME ["/a", "/b c"]
COPY ["a b", "c d/"]
