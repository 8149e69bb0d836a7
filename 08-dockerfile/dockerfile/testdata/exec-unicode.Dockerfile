FROM alpine
CMD ["\u00e9", "ü", "a\"b"]
