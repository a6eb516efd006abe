# Base images are pinned by the digest of their index of platforms: a tag can be moved to another image. Dependabot
# proposes newer ones each week. To see what a tag is now: docker buildx imagetools inspect node:26-bookworm-slim

# The program and its production dependencies, built on the current LTS of Node.js.
FROM node:26.10.0-bookworm-slim@sha256:662933cf47f013bc8e4beb31a6116448427a82057ba7c42c97e4c5ba766504c2 AS build
WORKDIR /build
COPY package.json package-lock.json ./
# No install scripts: what the lock file names is unpacked, nothing of it is run. (The dev dependency `node` has
# one; here Node.js is the image's own.)
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build
RUN npm prune --omit=dev --ignore-scripts --no-audit --no-fund
# Deletes files that the program never loads: types, source maps, the generated API of the Kubernetes client.
COPY scripts/slim-modules.ts scripts/
RUN node scripts/slim-modules.ts .
# Since 25 Node.js needs libatomic, which the base of the next stage does not have.
RUN mkdir lib && ldd "$(command -v node)" | awk '/libatomic/ { print $3 }' | xargs -I FILE cp -L FILE lib/

# No shell, no package manager, no npm: Node.js, the program, and what it needs.
FROM gcr.io/distroless/cc-debian12:nonroot@sha256:9dac0a79194e45a7da0158a9c6da57b217585af0786db3845d1f0ec1a0dd182f
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=build /build/lib /usr/lib
WORKDIR /app
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY package.json LICENSE ./
COPY bin bin
COPY proto proto
ENV NODE_ENV=production
# Numbers, so that runAsNonRoot can be checked. Nothing is written: the root file system may be read-only.
USER 65532:65532
EXPOSE 5678 5680
# The flags are explained in src/frontend/tune-heap.ts.
ENTRYPOINT ["/usr/local/bin/node", "--min-semi-space-size=8", "--initial-old-space-size=80", "/app/bin/meshtrust.js"]
CMD ["serve", "--kubernetes", "--xds-listen=0.0.0.0:5678", "--xds-auth=none"]
