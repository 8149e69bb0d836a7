ARG V=1
ARG W X="y z"
FROM alpine:$V
ARG V
ARG A=b C
