FROM alpine
RUN ["cat", "<<EOF"]
RUN x
