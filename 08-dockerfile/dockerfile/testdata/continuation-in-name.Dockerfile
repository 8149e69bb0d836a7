FROM alpine
RU\
N b
