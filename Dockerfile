# The image is one static binary and nothing else: no shell, no package manager, no user but nobody's.
#
#   make image          builds the binary inside (stage build)
#   make image-test     takes bin/muster-scheduler as it is (stage prebuilt), which needs no network and no base image
ARG GO_IMAGE=docker.io/library/golang:1.26
ARG BASE=scratch
# The stage that the binary comes from: build or prebuilt.
ARG BINARY=build

FROM ${GO_IMAGE} AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/cache GOCACHE=/cache hack/build.sh muster-scheduler

FROM scratch AS prebuilt
COPY bin/muster-scheduler /src/bin/muster-scheduler

FROM ${BINARY} AS binary

FROM ${BASE}
COPY --from=binary /src/bin/muster-scheduler /muster-scheduler
USER 65532:65532
ENTRYPOINT ["/muster-scheduler"]
