# The edge: Debian's nginx with its Lua module. Build from the checkout:
#   docker build -f infra/deploy/images/edge.Dockerfile -t seckill-edge:0.1.0 .
# Its configuration is rendered before it starts, by `seckill edge render` out of the Node image.
FROM debian:12.11-slim
# The packages of infra/setup/setup.sh; curl is for the health check.
RUN apt-get update \
  && apt-get install -y --no-install-recommends nginx libnginx-mod-http-lua lua-resty-core lua-cjson curl \
  && rm -rf /var/lib/apt/lists/* \
  && groupadd --gid 10001 seckill \
  && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin seckill \
  && install -d -o seckill -g seckill /run/seckill/agent /var/lib/seckill/pages /etc/seckill-edge
COPY nginx-lua/lua /opt/seckill/nginx-lua/lua
COPY infra/deploy/edge/start.sh /opt/seckill/start.sh
USER 10001:10001
# Lets requests finish; conf's worker_shutdown_timeout ends what does not.
STOPSIGNAL SIGQUIT
ENTRYPOINT ["/bin/sh", "/opt/seckill/start.sh"]
CMD ["/etc/seckill-edge", "/run/seckill/nginx"]
