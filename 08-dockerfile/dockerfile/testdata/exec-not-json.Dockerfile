FROM alpine
RUN [ -f /x ] && y
CMD ['a', 'b']
ENTRYPOINT ["a"
