FROM alpine
LABEL a.b="c d" "e f"=g h='i'
LABEL one two three
LABEL a=b \
  c=d
