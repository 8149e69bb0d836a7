FROM	alpine
RUN	echo	a	\
	b
	COPY	a	b
