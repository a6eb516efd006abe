import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { finding } from '../../../src/trust/findings/finding.ts';
import { createLogger } from '../../../src/observe/log/log.ts';
import { createEventLog, findingsInBatch, refusalsInWindow } from '../../../src/observe/log/log-events.ts';
import type { EventLog } from '../../../src/observe/log/log-events.ts';
import { makeCa } from '../../kit/certificates.ts';
import { content, gone, holdMs, makeRig, memoryStream, synced } from '../rig.ts';
import type { Rig } from '../rig.ts';
import { nackOf, streamOf } from '../streams.ts';

const [a, b] = [makeCa({ commonName: 'A' }), makeCa({ commonName: 'B' })];

interface LoggingRig extends Rig {
  readonly lines: () => readonly Readonly<Record<string, unknown>>[];
  readonly events: EventLog;
  /** Lines written since the last call, as `level event message`. */
  readonly news: () => readonly string[];
}

function makeLoggingRig(proxies = 0): LoggingRig {
  const out = memoryStream();
  const log = createLogger({ format: 'json', level: 'info', stream: out.stream });
  let monotonic: () => number = () => 0;
  const events = createEventLog({ log, proxies: () => proxies, now: () => monotonic() });
  const rig = makeRig(events.state);
  monotonic = rig.clock.monotonic;
  let read = 0;
  return {
    ...rig,
    events,
    lines: out.lines,
    news: () => {
      const lines = out.lines().slice(read);
      read += lines.length;
      return lines.map(({ level, event, msg }) => `${String(level)} ${String(event)} ${String(msg)}`);
    },
  };
}

const anonymise = (line: string): string => line.replace(/version [0-9a-f]{32}/, 'version V');

suite('event log', () => {
  test('change: one line names what changed, the number of proxies and the new version', () => {
    const rig = makeLoggingRig(12);
    rig.deliver(content({ trustDomain: 'a.test', pems: [a.certPem] }), synced);
    assert.deepEqual(rig.news().map(anonymise), [
      'info readiness ready: trust is served',
      'info served mesh default: 1 trust domain added (a.test +1); version V for 12 proxies',
    ]);
    rig.deliver(content({ trustDomain: 'b.test', pems: [b.certPem] }));
    rig.deliver(content({ trustDomain: 'c.test', pems: [a.certPem, b.certPem] }));
    rig.news();

    rig.deliver(content({ trustDomain: 'a.test', pems: [b.certPem] }));
    const line = rig.lines().findLast(({ event }) => event === 'served');
    assert.match(String(line?.['msg']), /1 trust domain changed \(a\.test \+1 -1\)/);
    assert.equal(line?.['proxies'], 12);
    assert.equal(line?.['mesh'], 'default');
    assert.equal(line?.['version'], rig.pipeline.view().meshes.get('default')?.secrets.version);
    const served = rig.pipeline.view().meshes.get('default')?.bundle.bundles[0]?.anchors[0];
    const changes = (line?.['trustDomains'] ?? []) as readonly { readonly anchors: readonly string[] }[];
    const [change] = changes;
    assert.equal(change?.anchors[0], `+${served?.certificate.fingerprint.slice(0, 16)}`);
    assert.match(change?.anchors[1] ?? '', /^-[0-9a-f]{16}$/);
    rig.news();

    rig.deliver(gone('c.test'));
    assert.match(rig.news().join('\n'), /info served mesh default: 1 trust domain removed \(c\.test -2\)/);
  });

  test('readiness: a warning says why the server is not ready, and a line when it is', () => {
    const rig = makeLoggingRig();
    rig.deliver(content({ trustDomain: 'a.test', pems: [a.certPem] }));
    assert.deepEqual(rig.news(), ['warn readiness not ready: waiting for the first complete read of files']);
    rig.deliver({ kind: 'content', path: 'bad.yaml', text: 'a: [', settled: true }, synced);
    const news = rig.news();
    assert.equal(
      news[0],
      'warn readiness not ready: the first read found an invalid document; the valid resources are served in 30 s',
    );
    rig.clock.advance(holdMs);
    assert.equal(rig.news()[0], 'info readiness ready: trust is served');
  });

  test('finding: is logged at the level of its severity with its place, and when it is resolved', () => {
    const rig = makeLoggingRig();
    rig.deliver(content({ trustDomain: 'a.test', pems: [`${a.certPem}${b.keyPem}`] }), synced);
    const found = rig.lines().find(({ event }) => event === 'finding');
    assert.equal(found?.['level'], 'error');
    assert.equal(found?.['code'], 'MT011');
    assert.equal(found?.['file'], 'a-test.yaml');
    assert.equal(found?.['resource'], 'default//a-test');
    assert.equal(found?.['path'], 'spec.caBundles[0].pem.value');
    assert.equal(found?.['block'], 2);
    rig.news();
    rig.deliver(content({ trustDomain: 'a.test', pems: [a.certPem] }));
    assert.match(rig.news().join('\n'), /info finding-resolved resolved: a-test\.yaml.*MT011/);
  });

  test('more findings than the limit of a batch: one line has the number of the others', () => {
    const rig = makeLoggingRig();
    const appeared = Array.from({ length: findingsInBatch + 3 }, (_, index) =>
      finding('MT022', `number ${index}`, { mesh: 'default' }),
    );
    rig.events.state({ kind: 'findings', appeared, resolved: [] });
    const news = rig.news();
    assert.equal(news.length, findingsInBatch + 1);
    assert.equal(news.at(-1), 'warn findings 3 more findings; all of them: GET /api/v1/findings');
    rig.events.state({ kind: 'findings', appeared: [], resolved: appeared });
    assert.equal(rig.news().at(-1), 'info findings-resolved 3 more findings resolved');
  });

  test('mass loss is held back: one warning, and one at its end', () => {
    const rig = makeLoggingRig();
    rig.deliver(
      content({ trustDomain: 'a.test', pems: [a.certPem] }),
      content({ trustDomain: 'b.test', pems: [b.certPem] }),
      synced,
    );
    rig.news();
    rig.deliver(gone('a.test'), gone('b.test'));
    assert.deepEqual(rig.news(), [
      'warn guard-held holding back a mass loss: still serving 2 trust domains of mesh default: a.test, b.test',
    ]);
    rig.clock.advance(holdMs);
    const news = rig.news().map(anonymise);
    assert.ok(
      news.some((line) =>
        line.startsWith('error served mesh default: 2 trust domains removed; no trust domain is left'),
      ),
    );
    assert.ok(
      news.some((line) =>
        line.startsWith(
          'warn guard-ended no longer holding back a mass loss: 2 trust domains of mesh default',
        ),
      ),
    );
  });

  test('no MeshTrust is listed: the line says that proxies reject every client', () => {
    const rig = makeLoggingRig();
    rig.deliver(synced);
    rig.clock.advance(holdMs);
    assert.ok(rig.news().includes('info served no MeshTrust is listed: proxies reject every client'));
  });

  test('NACK: one warning with the proxy, the version and its message, without PEM', () => {
    const rig = makeLoggingRig();
    const stream = streamOf({ nodeId: 'edge\n1' });
    rig.events.observer.nacked?.(stream, nackOf(`Failed to load\ntrusted CA ${a.certPem}`));
    const [line] = rig.lines();
    assert.equal(line?.['level'], 'warn');
    assert.equal(line?.['msg'], 'proxy edge 1 rejected ALL v2: Failed to load trusted CA [PEM]');
    assert.equal(line?.['node'], 'edge 1');
    assert.equal(line?.['mesh'], 'default');
    assert.deepEqual(line?.['resources'], [{ name: 'ALL', version: 'v2' }]);
  });

  test('proxy that sends NACKs without end: does not fill the log', () => {
    const rig = makeLoggingRig();
    const stream = streamOf();
    for (let index = 0; index < refusalsInWindow + 50; index++)
      rig.events.observer.nacked?.(stream, nackOf('no'));
    assert.equal(rig.lines().length, refusalsInWindow);
    rig.clock.advance(10_000);
    rig.events.observer.nacked?.(stream, nackOf('no'));
    assert.equal(rig.lines().at(-1)?.['suppressed'], 50);
  });
});
