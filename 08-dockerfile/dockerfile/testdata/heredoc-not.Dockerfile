FROM alpine
RUN echo a <<< b
RUN echo $((1 << 2))
RUN echo "<<EOF"
