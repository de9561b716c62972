# syntax=docker/dockerfile:1

# Images for those who have a container engine and a registry. Any binary below services/cmd:
#
#   docker build --build-arg BINARY=gateway --build-arg VERSION=1.2.3 --tag registry.example/douyin/gateway:1.2.3 .
#
# The video service and the transcode worker call ffmpeg, and have a stage of their own:
#
#   docker build --build-arg BINARY=video --target ffmpeg --tag registry.example/douyin/video:1.2.3 .
#   docker build --build-arg BINARY=transcode --target ffmpeg --tag registry.example/douyin/transcode:1.2.3 .
#
# The chart's test: --build-arg BINARY=smoke --build-arg PACKAGE=./test/smoke
#
# `make images` makes the same without either, as archives (docs/images.md).

ARG GO_VERSION=1.26

FROM --platform=$BUILDPLATFORM golang:${GO_VERSION}-bookworm AS build
WORKDIR /src
COPY . .
ARG BINARY=gateway
ARG PACKAGE=./services/cmd/${BINARY}
ARG VERSION=dev
ARG TARGETOS
ARG TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} \
    go build -trimpath -buildvcs=false -tags timetzdata \
      -ldflags "-s -w -buildid= -X douyin.dev/services/platform/app.version=${VERSION}" \
      -o /out/app "${PACKAGE}" \
    && (cd tools/images && GOWORK=off go run . notices --root /src /out/app >/out/NOTICES.txt)

FROM debian:bookworm-slim AS ffmpeg
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates ffmpeg \
    && rm -rf /var/lib/apt/lists/*
ARG BINARY=video
ARG VERSION=dev
LABEL org.opencontainers.image.title="${BINARY}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0 AND GPL-2.0-or-later"
COPY --from=build /out/NOTICES.txt /licenses/NOTICES.txt
COPY --from=build /out/app /app
USER 65532:65532
ENTRYPOINT ["/app"]

FROM gcr.io/distroless/static-debian12:nonroot AS service
ARG BINARY=gateway
ARG VERSION=dev
LABEL org.opencontainers.image.title="${BINARY}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /out/NOTICES.txt /licenses/NOTICES.txt
COPY --from=build /out/app /app
USER 65532:65532
ENTRYPOINT ["/app"]
