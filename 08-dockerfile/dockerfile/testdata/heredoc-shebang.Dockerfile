FROM alpine
RUN <<EOF
#!/bin/python
print(1)
EOF
