FROM alpine
RUN echo "äöü 漢字"
LABEL ä=ö
COPY ü ß/
