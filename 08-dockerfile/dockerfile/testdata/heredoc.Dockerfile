FROM alpine
RUN <<EOF
echo a
  # kept
EOF
COPY <<A <<-B /x/
one
A
	two
	B
RUN x
