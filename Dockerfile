# reid-track in a container, as a user without rights.
#
#   docker build -t reid-tracker .                      # for CPUs
#   docker build -t reid-tracker:cuda --target cuda .   # for NVIDIA GPUs (docker run --gpus all)
#
#   docker run --rm -v "$PWD:/data" reid-tracker video.mp4
#   docker build -t reid-encode --target encode-server .
#   docker run --rm -p 127.0.0.1:9110:9110 -v "$PWD/token:/run/secrets/token:ro" reid-encode

ARG PYTHON=3.12-slim-bookworm

FROM python:${PYTHON} AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY reid_tracker ./reid_tracker
COPY configs ./configs
COPY weights ./weights
# hadolint ignore=DL3013
RUN pip install --no-cache-dir build && python -m build --wheel --outdir /wheels

FROM python:${PYTHON} AS base
# OpenCV links against these.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 reid \
    && mkdir /data && chown reid /data
ENV PYTHONUNBUFFERED=1
WORKDIR /data
ENTRYPOINT ["reid-track"]
CMD ["--help"]

# PyTorch with CUDA, and ONNX Runtime for GPUs in the place of the one for CPUs.
FROM base AS cuda
ARG EXTRAS=server,serve,mqtt,nats,postgres
COPY --from=build /wheels /wheels
# hadolint ignore=DL3013
RUN pip install --no-cache-dir "$(echo /wheels/*.whl)[${EXTRAS}]" \
    && pip uninstall --yes onnxruntime \
    && pip install --no-cache-dir onnxruntime-gpu \
    && rm -rf /wheels
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility,video
USER 10001

# PyTorch without CUDA: 200 MB instead of 3 GB.
FROM base AS cpu
ARG EXTRAS=server,serve,mqtt,nats,postgres
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY --from=build /wheels /wheels
# hadolint ignore=DL3013
RUN pip install --no-cache-dir --index-url "${TORCH_INDEX}" torch torchvision \
    && pip install --no-cache-dir "$(echo /wheels/*.whl)[${EXTRAS}]" \
    && rm -rf /wheels
USER 10001

# The token is a file that is mounted, readable by user 10001: nothing secret is in an image or on a command line.
FROM cpu AS encode-server
EXPOSE 9110
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:9110/healthz', timeout=4)"]
CMD ["encode-server", "--listen", "0.0.0.0:9110", "--token-file", "/run/secrets/token"]

# What `docker build` makes without --target.
FROM cpu
