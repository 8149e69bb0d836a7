FROM alpine
ENV a=${b:-c} d=${e:+f} g=${h#*/} i=\$j
WORKDIR ${a}/x
EXPOSE $p
