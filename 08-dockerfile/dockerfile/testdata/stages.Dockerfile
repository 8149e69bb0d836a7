FROM golang:1 AS build
WORKDIR /src
COPY . .
RUN go build -o /x
FROM scratch
COPY --from=build /x /x
COPY --from=0 --chown=1:2 /y /y
ENTRYPOINT ["/x"]
