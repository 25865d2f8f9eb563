# One image for the operator, the gateway and the command line: a bundle on a base without a shell.
#   docker build -t talaria:0.1.0 .
#   docker run --rm talaria:0.1.0 dist/cli.js --help

FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
RUN node scripts/bundle.ts

# The compile cache must come from the very Node that uses it.
FROM gcr.io/distroless/nodejs24-debian12:nonroot AS warm
WORKDIR /app
COPY --from=build --chown=65532:65532 /app/dist dist
ENV NODE_COMPILE_CACHE=/app/dist/compile-cache
USER 65532
RUN ["/nodejs/bin/node", "dist/warm-compile-cache.js"]

FROM gcr.io/distroless/nodejs24-debian12:nonroot
WORKDIR /app
COPY --from=warm --chown=0:0 /app/dist dist
ENV NODE_ENV=production NODE_COMPILE_CACHE=/app/dist/compile-cache
USER 65532
EXPOSE 8080 8081
# The base's entry point is Node; the chart names dist/operator.js or dist/gateway.js.
CMD ["dist/cli.js", "--help"]
