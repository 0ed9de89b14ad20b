# One image for every role: `playhead producer`, `coordinator`, `worker`, `dashboard`, the command line, the examples.
#
#     docker build -t playhead .
#     docker build -t playhead --build-arg PYTHON_IMAGE=<any image with python3 (3.11 or later) and its venv module> .
#
# It needs no BuildKit. At run time nothing is written but to /tmp, so the root file system can be read-only.
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS dependencies
LABEL playhead.stage=build
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python3 -m venv /build/tools && python3 -m venv --without-pip /opt/playhead
COPY requirements-build.lock requirements-server.lock ./
RUN tools/bin/pip install --require-hashes -r requirements-build.lock \
 && tools/bin/pip --python /opt/playhead/bin/python install --require-hashes -r requirements-server.lock

# A change of the code begins here, and fetches nothing.
FROM dependencies AS build
COPY pyproject.toml README.md LICENSE ./
COPY playhead playhead
RUN tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir wheels . \
 && tools/bin/pip --python /opt/playhead/bin/python install --no-deps --no-index wheels/*.whl
# The services are not in the wheel. They are compiled here, since nothing can be written later.
COPY shared /app/shared
COPY producer /app/producer
COPY coordinator /app/coordinator
COPY workers /app/workers
COPY recorder /app/recorder
COPY dashboard /app/dashboard
COPY examples /app/examples
RUN python3 -m compileall -q /app

FROM ${PYTHON_IMAGE}
COPY --from=build /opt/playhead /opt/playhead
COPY --from=build /app /app
# A volume that is mounted there for the first time takes its owner from here.
RUN mkdir /records && chown 10001:10001 /records
WORKDIR /app
ENV PATH=/opt/playhead/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    PLAYHEAD_HEALTH_DIR=/tmp/playhead-health
USER 10001:10001
ENTRYPOINT ["playhead"]
CMD ["--help"]
