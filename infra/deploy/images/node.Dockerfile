# Every Node process of ours, and the command line. Build from the checkout:
#   docker build -f infra/deploy/images/node.Dockerfile -t seckill-node:0.1.0 .
# The Node version is the lockfile's; a test compares. Tests and tools are left out (node.Dockerfile.dockerignore).
FROM node:24.21.0-bookworm-slim AS packages
WORKDIR /opt/seckill
COPY package.json package-lock.json ./
# The lockfile's own copy of Node is for machines with an older one; the image has it already.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
  && rm -rf node_modules/node-linux-* node_modules/.bin/node

FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production
WORKDIR /opt/seckill
# One user for all of ours: the edge and its gateway share sockets. A new volume takes the owner of what it is mounted on.
RUN groupadd --gid 10001 seckill \
  && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin seckill \
  && install -d -o seckill -g seckill /run/seckill/agent /var/lib/seckill/pages /var/lib/seckill/cdc /etc/seckill-edge \
  && printf '#!/bin/sh\nexec node /opt/seckill/infra/cli/seckill.ts "$@"\n' > /usr/local/bin/seckill \
  && chmod 755 /usr/local/bin/seckill
COPY --from=packages /opt/seckill/node_modules node_modules
COPY package.json ./
COPY seckill-service seckill-service
COPY gateway gateway
COPY order-worker order-worker
COPY nginx-lua nginx-lua
COPY loadtest loadtest
COPY infra infra
USER 10001:10001
# The first process gets the signals, so no shell and no npm in between. compose.yaml and the manifests name the process.
ENTRYPOINT ["node"]
CMD ["infra/cli/seckill.ts", "--help"]
