FROM alpine   
RUN a   
WORKDIR /x  
