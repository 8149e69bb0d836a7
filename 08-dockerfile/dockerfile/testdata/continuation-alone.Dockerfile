FROM alpine
\
RUN b
