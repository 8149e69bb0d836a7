# unknown=1
# escape=`
FROM alpine
RUN a \
 b
