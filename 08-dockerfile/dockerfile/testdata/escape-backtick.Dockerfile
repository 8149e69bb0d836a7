# escape=`
FROM windows
RUN dir c:\ `
  d:\
COPY a` b c:\\
