FROM alpine
RUN cat <<EOF > /x && python3 - <<PY
a
EOF
b
PY
