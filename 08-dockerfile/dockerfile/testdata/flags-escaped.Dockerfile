FROM alpine
COPY --chown=a\ b --chmod="7\"5" -- --a b
RUN --mount=type=bind,target=/x\
y z
