# One image for the web server and for whatever manage.py does. docker-compose.yml shows how it is run.
FROM python:3.13-slim-trixie AS build
WORKDIR /app
RUN python -m venv /venv
# EXTRAS=1 also installs what only some need: the clients of OpenAI and Anthropic, Presidio, Pydantic models of schemas.
ARG EXTRAS=
COPY requirements.lock requirements-extras.lock ./
RUN /venv/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements.lock \
    ${EXTRAS:+-r requirements-extras.lock}

FROM python:3.13-slim-trixie
# Chromium renders designs and runs axe; without it bounds are estimated and accessibility is judged statically.
RUN apt-get update \
    && apt-get install -y --no-install-recommends chromium fonts-liberation \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 irline
WORKDIR /app
COPY --from=build /venv /venv
COPY . .
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 MEDIA_ROOT=/data/media STATIC_ROOT=/app/static-collected
# collectstatic reads no secret and no database; these two only satisfy the settings while the image is built.
RUN SECRET_KEY=build DATABASE_URL=postgres://build@localhost/build python manage.py collectstatic --noinput \
    && install -d -o irline -g irline /data/media
USER irline
# Any of the web processes answers Prometheus for all.
ENV PROMETHEUS_MULTIPROC_DIR=/tmp/irline-metrics
EXPOSE 8000
# A request that puts a judge to work may last as long as a model's last answer: 20 s and then two minutes.
CMD ["gunicorn", "config.wsgi:application", "--bind", "0.0.0.0:8000", "--workers", "4", "--timeout", "180", "--no-control-socket"]
