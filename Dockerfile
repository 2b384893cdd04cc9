# The image of every process of Dejalog: `docker build -t dejalog:0.1.0 .`, and with `--build-arg SET=gpu` the one for
# NVIDIA cards, some 6 GB larger. What is installed is pinned with hashes by locks/; which process runs is the command
# that it is given. Never built here, for want of an engine: docs/how-to/deploy.md says what was checked.

FROM python:3.11-slim-bookworm AS build
ARG SET=distributed
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/dejalog
COPY locks/${SET}.txt /build/locks/
RUN /opt/dejalog/bin/pip install --no-deps --require-hashes -r /build/locks/${SET}.txt
WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY ingest ingest
COPY index index
COPY workers workers
COPY api api
RUN /opt/dejalog/bin/pip install --no-deps --no-build-isolation .

FROM python:3.11-slim-bookworm AS runtime
RUN groupadd --gid 10001 dejalog \
    && useradd --uid 10001 --gid 10001 --no-log-init --home-dir /var/lib/dejalog --shell /usr/sbin/nologin dejalog \
    && install -d -o dejalog -g dejalog -m 0700 /var/lib/dejalog
COPY --from=build /opt/dejalog /opt/dejalog
ENV PATH=/opt/dejalog/bin:$PATH \
    HOME=/var/lib/dejalog \
    DEJALOG_DATA_DIR=/var/lib/dejalog \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /var/lib/dejalog
USER 10001:10001
EXPOSE 8900
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 \
    CMD ["python", "-c", "import urllib.request as http; http.urlopen('http://127.0.0.1:8900/readyz', timeout=4)"]
CMD ["dejalog", "serve"]
