import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createResource, createResourceSet, typeUrls } from '../../../src/xds/index.ts';
import type { ResourceSet } from '../../../src/xds/index.ts';
import { field, stringField } from '../../../src/xds/wire/write.ts';
import { binaries, skipWithoutEnvoys as skip, startEnvoys } from '../../kit/both-envoys.ts';
import { makeSelfSignedLeaf } from '../../kit/certificates.ts';
import { poll } from '../../kit/poll.ts';
import { serve } from '../../xds/loopback/serving.ts';

const secretNames = Array.from({ length: 20 }, (_, index) => `s${index}`);
const { certPem } = makeSelfSignedLeaf();
const ackTimeoutMs = 1_000;

/** Secrets whose texts differ by the lines after the certificate. */
function secretsAt(version: number): ResourceSet {
  const trusted = field(1, stringField(3, certPem + '\n'.repeat(version)));
  return createResourceSet(
    secretNames.map((name) => createResource(name, Buffer.concat([stringField(1, name), field(4, trusted)]))),
  );
}

/** A static cluster whose connect timeout has this many seconds. */
function clusterAt(version: number): ResourceSet {
  const body = Buffer.concat([stringField(1, 'x'), field(4, Uint8Array.of(8, version))]);
  return createResourceSet([createResource('x', body)]);
}

function versionOf(clusters: ResourceSet): string {
  return clusters.resources.get('x')?.version ?? '';
}

test(
  'Envoys with rate_limit_settings and several changes of clusters between two requests: one more reply at most',
  { skip, timeout: 120_000 },
  async () => {
    await using stack = new AsyncDisposableStack();
    const sent = new Map<string, string[]>();
    const acked = new Map<string, string[]>();
    let requests = 0;
    /** The cluster's version of `wanted`, once both Envoys are sent it. */
    let wanted = '';
    let reached = Promise.withResolvers<void>();
    const untilSent = (version: string): Promise<void> => {
      wanted = version;
      reached = Promise.withResolvers<void>();
      return reached.promise;
    };
    const serving = stack.use(
      await serve({
        limits: { ackTimeoutMs },
        observer: {
          request: () => void (requests += 1),
          response({ nodeId }, { typeUrl, resources }) {
            if (typeUrl !== typeUrls.cluster) return;
            const versions = resources.map(({ version }) => version).join();
            sent.set(nodeId, [...(sent.get(nodeId) ?? []), versions]);
            if (binaries.every((one) => sent.get(one.version)?.includes(wanted))) reached.resolve();
          },
          acked({ nodeId }, { typeUrl, version = '' }) {
            if (typeUrl === typeUrls.cluster) acked.set(nodeId, [...(acked.get(nodeId) ?? []), version]);
          },
        },
      }),
    );
    const untilQuiet = async (): Promise<void> => {
      let before = -1;
      const isQuiet = (): true | undefined => {
        const [now, last] = [requests, before];
        before = now;
        return now === last ? true : undefined;
      };
      await poll('no more requests', isQuiet, { timeoutMs: 60_000, everyMs: 5 * ackTimeoutMs });
    };
    serving.store.set('', typeUrls.cluster, clusterAt(1));
    serving.store.set('', typeUrls.secret, secretsAt(1));
    const envoys = await startEnvoys(
      stack,
      binaries.map(({ path, version }) => ({
        path,
        transport: 'sotw-ads',
        xdsPort: Number(serving.address.split(':')[1]),
        nodeId: version,
        secretNames,
        clusters: true,
        requestRate: { burst: 1, perSecond: 5 },
      })),
    );
    await untilQuiet();
    // The requests of twenty secrets keep the queues of the Envoys busy for four seconds.
    serving.store.set('', typeUrls.secret, secretsAt(2));
    for (const version of [2, 3, 4, 5]) {
      const next = clusterAt(version);
      const isSent = untilSent(versionOf(next));
      serving.store.set('', typeUrls.cluster, next);
      await isSent;
    }
    await untilQuiet();
    const last = versionOf(clusterAt(5));
    for (const { nodeId } of envoys) {
      const answered = acked.get(nodeId) ?? [];
      assert.equal(answered.at(-1), last);
      const skipped = [2, 3, 4].filter((version) => !answered.includes(versionOf(clusterAt(version))));
      assert.notEqual(skipped.length, 0, 'each version has an answer of its own: this shows nothing');
      const replies = (sent.get(nodeId) ?? []).filter((version) => version === last);
      assert.ok(replies.length <= 2, `${nodeId} was sent the last version ${replies.length} times`);
    }
  },
);
