FROM alpine
RUN echo --mount=x
