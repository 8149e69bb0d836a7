# a comment
  # one more
FROM alpine
# between
RUN a && \
  # inside
   b && \

   c
   # after
RUN d # no comment
