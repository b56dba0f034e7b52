# syntax=docker/dockerfile:1
# Two stages: the first installs the locked packages (each with its hash) and the gateway, the second holds only what runs.
#
#   docker build -t auth-gateway .
#   docker run -p 8080:8080 -v ./gateway.yml:/etc/gateway/gateway.yml:ro -v gateway-data:/var/lib/gateway auth-gateway
#
# In a container `server.listen` is 0.0.0.0:8080. Keep `admin_listen` on 127.0.0.1:9090 (the health check asks there) or set GATEWAY_HEALTH_URL.

ARG PYTHON=3.13

FROM python:${PYTHON}-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_COMPILE=1
RUN python -m venv /opt/gateway
WORKDIR /src
COPY requirements-build.txt requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip /opt/gateway/bin/pip install --require-hashes -r requirements-build.txt -r requirements.txt
COPY pyproject.toml README.md ./
COPY gateway gateway
RUN /opt/gateway/bin/pip install --no-deps --no-index --no-build-isolation . \
    && /opt/gateway/bin/pip uninstall --yes setuptools pip \
    && /opt/gateway/bin/python -m compileall -q /opt/gateway/lib

FROM python:${PYTHON}-slim-bookworm
RUN groupadd --system --gid 10001 gateway \
    && useradd --system --uid 10001 --gid gateway --home-dir /var/lib/gateway --create-home --shell /usr/sbin/nologin gateway
COPY --from=build /opt/gateway /opt/gateway
ENV PATH=/opt/gateway/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
ENV GATEWAY_HEALTH_URL=http://127.0.0.1:9090/healthz
USER 10001:10001
WORKDIR /var/lib/gateway
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(os.environ['GATEWAY_HEALTH_URL'], timeout=2)"]
ENTRYPOINT ["gateway"]
CMD ["serve", "--config", "/etc/gateway/gateway.yml"]
