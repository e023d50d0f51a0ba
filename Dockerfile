# The packages are installed by hash in the first stage; the second holds them, the rooms and git, and no build tool.
FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/patchwatch
WORKDIR /src
COPY requirements.lock ./
RUN /opt/patchwatch/bin/pip install -q --no-cache-dir --require-hashes --only-binary :all: --no-deps -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY advisories advisories
COPY bot bot
COPY sources sources
COPY storage storage
RUN /opt/patchwatch/bin/pip install -q --no-cache-dir --no-index --no-deps --no-build-isolation .

FROM python:3.12-slim
RUN apt-get update -q \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends git ca-certificates tzdata \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /var/lib/patchwatch --create-home --shell /usr/sbin/nologin patchwatch
COPY --from=build /opt/patchwatch /opt/patchwatch
ENV PATH=/opt/patchwatch/bin:$PATH PYTHONUNBUFFERED=1 PATCHWATCH_WEB_LISTEN=0.0.0.0:8080
USER patchwatch
WORKDIR /var/lib/patchwatch
VOLUME /var/lib/patchwatch
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
CMD ["patchwatch", "--data", "/var/lib/patchwatch", "run"]
