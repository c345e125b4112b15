# One node of a cluster, and the command line: docker build -t jobraft .
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build && npm prune --omit=dev --no-audit --no-fund

FROM ${NODE_IMAGE}
ENV NODE_ENV=production
WORKDIR /jobraft
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist/src ./dist/src
COPY --from=build /build/proto ./proto
COPY --from=build /build/package.json ./
COPY config/cluster.yaml config/container.yaml config/container-certs.sh ./config/
RUN chmod 755 dist/src/cli/main.js && ln -s /jobraft/dist/src/cli/main.js /usr/local/bin/jobraft && mkdir -m 700 /data && chown 1000:1000 /data
USER 1000:1000
VOLUME /data
EXPOSE 7100
# Ready: it leads or hears from a leader, and has applied what that had committed.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["node", "-e", "fetch('http://127.0.0.1:9464/readyz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# SIGTERM hands leadership over.
STOPSIGNAL SIGTERM
ENTRYPOINT ["jobraft"]
CMD ["serve", "--config", "config/container.yaml"]
