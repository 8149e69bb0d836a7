FROM alpine
ENV a=1 b="two words" c='x y' d=e\ f g=
ENV old style value with = in it
ENV a="$b ${c:-d}"
ENV e='it'"'"'s'
