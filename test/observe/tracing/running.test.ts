import assert from 'node:assert/strict';
import { rename, writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { makeCa } from '../../kit/certificates.ts';
import { freePort } from '../../kit/free-port.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { startOtlpReceiver } from '../../kit/otlp-receiver.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { createClient } from '../../xds/client.ts';

const [a, b] = [makeCa({ commonName: 'A' }), makeCa({ commonName: 'B' })];
const ads = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';

/** Sends spans soon after they end. */
const soon = { OTEL_BSP_SCHEDULE_DELAY: '20' };

/** Creates a directory with one MeshTrust. */
async function makeTrust() {
  const dir = await makeTempDir();
  const put = async (pems: readonly string[]): Promise<void> => {
    await writeFile(dir.join('.new'), meshTrustYaml({ name: 't', trustDomain: 'a.test', pems }));
    await rename(dir.join('.new'), dir.join('t.yaml'));
  };
  await put([a.certPem]);
  return { dir, put, [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() };
}

suite('traces of the running program', () => {
  test('collector in the environment: receives traces that last until the last proxy has acknowledged', async () => {
    await using collector = await startOtlpReceiver();
    await using trust = await makeTrust();
    await using server = await startMeshtrust({
      dirs: [trust.dir.path],
      args: ['--drain-grace=0'],
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint, OTEL_SERVICE_NAME: 'trust-of-tests', ...soon },
    });
    await server.logged('the start', ({ event }) => event === 'trust-converged');
    const proxies = [
      createClient(`127.0.0.1:${server.xdsPort}`),
      createClient(`127.0.0.1:${server.xdsPort}`),
    ];
    using stack = new DisposableStack();
    for (const client of proxies) stack.use(client);
    const streams = proxies.map((client) => client.delta(ads));
    for (const [index, stream] of streams.entries()) {
      const node = { id: `proxy-${index}` };
      stream.send({ node, type_url: secretTypeUrl, resource_names_subscribe: ['ALL'] });
      stream.send({ type_url: secretTypeUrl, response_nonce: (await stream.next()).nonce });
    }

    await trust.put([a.certPem, b.certPem]);
    let acknowledged = 0;
    for (const stream of streams) {
      const { nonce } = await stream.next();
      acknowledged = Date.now();
      stream.send({ type_url: secretTypeUrl, response_nonce: nonce });
    }
    const converged = await server.logged(
      'the change to be with all',
      ({ event, proxies: count }) => event === 'trust-converged' && count === 2,
    );
    const root = await poll('the trace of the change', () =>
      collector
        .spans()
        .filter(({ name }) => name === 'trust change')
        .at(1),
    );
    const spans = collector.spans().filter(({ traceId }) => traceId === root.traceId);
    assert.deepEqual(spans.map(({ name }) => name).toSorted(), [
      'build',
      'parse',
      'publish',
      'push',
      'trust change',
    ]);
    for (const { name, parentSpanId, startMs, endMs } of spans) {
      assert.equal(parentSpanId, name === 'trust change' ? undefined : root.spanId);
      assert.ok(root.startMs <= startMs && startMs <= endMs && endMs <= root.endMs + 1, name);
    }
    const push = spans.find(({ name }) => name === 'push')!;
    assert.equal(push.attributes['meshtrust.outcome'], 'converged');
    assert.equal(push.attributes['meshtrust.proxies'], 2);
    assert.equal(push.attributes['meshtrust.version'], converged['version']);
    assert.ok(root.endMs >= acknowledged - 1, 'it ends with the last of them');
    assert.deepEqual(root.attributes['meshtrust.paths'], [trust.dir.join('t.yaml')]);
    assert.equal(collector.resource()['service.name'], 'trust-of-tests');

    await server.stop();
    assert.equal(
      new Set(collector.spans().map(({ traceId }) => traceId)).size,
      2,
      'the start, and the change',
    );
  });

  test('collector is unreachable: traces are dropped, serving and the end of the program do not wait', async () => {
    await using trust = await makeTrust();
    const nowhere = `http://127.0.0.1:${await freePort()}`;
    await using server = await startMeshtrust({
      dirs: [trust.dir.path],
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: nowhere, OTEL_EXPORTER_OTLP_TIMEOUT: '100', ...soon },
    });
    const gone = await server.logged('that it is gone', ({ event }) => event === 'tracing');
    assert.equal(gone['level'], 'warn');
    assert.match(String(gone['msg']), /^traces are not sent: 127\.0\.0\.1:\d+: connection refused$/);
    const { version } = await server.logged('what is served', ({ event }) => event === 'served');
    await trust.put([b.certPem]);
    await server.logged('a change', (line) => line['event'] === 'served' && line['version'] !== version);
    const before = performance.now();
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
    assert.ok(performance.now() - before < 8_000);
  });

  test('no collector: no tracing code is loaded', async () => {
    await using trust = await makeTrust();
    const hooks = `import { registerHooks } from 'node:module';
      registerHooks({ load(url, context, next) {
        if (url.includes('/@opentelemetry/sdk-trace/')) console.error(JSON.stringify({ loaded: url }));
        return next(url, context);
      } });`;
    const loads = async (endpoint: string): Promise<boolean> => {
      const env = {
        NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(hooks)}`,
        OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      };
      await using server = await startMeshtrust({ dirs: [trust.dir.path], env });
      return server.logs().some(({ loaded }) => loaded !== undefined);
    };
    assert.equal(await loads(`http://127.0.0.1:${await freePort()}`), true);
    assert.equal(await loads(''), false);
  });
});
