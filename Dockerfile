# An image is one static binary and nothing else: no shell, no package manager, no user but nobody's.
#
#   make image          builds the binary inside (stage build)
#   make image-test     takes bin/COMMAND as it is (stage prebuilt), which needs no network and no base image
ARG GO_IMAGE=docker.io/library/golang:1.26
ARG BASE=scratch
# The command that is built; its image is the target of the same name.
ARG COMMAND=muster-scheduler
# The stage that the binary comes from: build or prebuilt.
ARG BINARY=build

FROM ${GO_IMAGE} AS build
ARG COMMAND
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/cache GOCACHE=/cache hack/build.sh ${COMMAND}

FROM scratch AS prebuilt
ARG COMMAND
COPY bin/${COMMAND} /src/bin/${COMMAND}

FROM ${BINARY} AS binary

FROM ${BASE} AS muster-images
COPY --from=binary /src/bin/muster-images /muster-images
USER 65532:65532
ENTRYPOINT ["/muster-images"]

FROM ${BASE} AS muster-scheduler
COPY --from=binary /src/bin/muster-scheduler /muster-scheduler
USER 65532:65532
ENTRYPOINT ["/muster-scheduler"]
