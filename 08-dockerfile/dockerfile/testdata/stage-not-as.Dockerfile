FROM alpine is x
