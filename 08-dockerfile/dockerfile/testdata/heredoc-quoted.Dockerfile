FROM alpine
COPY <<"EOF" /a
$x
EOF
COPY <<'E F' /b
$x
E F
RUN 3<<X cat
x
X
