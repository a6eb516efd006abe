import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createPipeline } from '../../src/runtime/pipeline.ts';
import type { Pipeline, PipelineEvent } from '../../src/runtime/pipeline.ts';
import { createLedger } from '../../src/trust/ledger/ledger.ts';
import { createMeshBuilder } from '../../src/trust/snapshot/mesh-builder.ts';
import type { SourceEvent } from '../../src/trust/source.ts';
import { noPolicy } from '../kit/bundles.ts';
import { makeCa, makeCaPems, makeKey } from '../kit/certificates.ts';
import { createFakeClock } from '../kit/fake-clock.ts';
import type { FakeClock } from '../kit/fake-clock.ts';
import { meshTrustYaml } from '../kit/mesh-trust-text.ts';
import { reader } from '../kit/resources.ts';

const day = 86_400_000;
const holdMs = 30_000;
const ca = makeCa({ commonName: 'A' });

interface Rig {
  readonly clock: FakeClock;
  readonly pipeline: Pipeline;
  readonly events: PipelineEvent[];
  readonly deliver: (...events: readonly SourceEvent[]) => void;
  readonly served: () => readonly string[];
}

/** @param stepMs The time that each step of parsing seems to take. */
function makeRig(stepMs = 0): Rig {
  const clock = createFakeClock(Date.now());
  let extra = 0;
  const events: PipelineEvent[] = [];
  const pipeline = createPipeline({
    ledger: createLedger(['files'], { holdMs }),
    builder: createMeshBuilder(noPolicy),
    parse: { defaultMesh: 'default', reader },
    guardHoldMs: holdMs,
    clock: { ...clock, monotonic: () => clock.monotonic() + (extra += stepMs) },
  });
  pipeline.subscribe((event) => events.push(event));
  const served = (): readonly string[] =>
    events.flatMap((event) =>
      event.kind === 'served'
        ? [
            event.changes
              .flatMap(({ trustDomains }) =>
                trustDomains.map(
                  (change) => `${change.trustDomain}+${change.added.length}-${change.removed.length}`,
                ),
              )
              .join(' '),
          ]
        : [],
    );
  return { clock, pipeline, events, served, deliver: (...batch) => pipeline.deliver('files', batch) };
}

const content = (trustDomain: string, pems = [ca.certPem], settled = true): SourceEvent => {
  const name = trustDomain.replaceAll('.', '-');
  return { kind: 'content', path: `${name}.yaml`, text: meshTrustYaml({ name, trustDomain, pems }), settled };
};
const synced: SourceEvent = { kind: 'synced' };

suite('pipeline', () => {
  test('first read is not complete: nothing is served, and the missing source is named', () => {
    const { clock, deliver, pipeline, served } = makeRig();
    deliver(content('a.test'));
    clock.advance(1000);
    assert.deepEqual(served(), []);
    assert.deepEqual(pipeline.view().readiness, { kind: 'waiting', missing: ['files'] });
    deliver(synced);
    clock.advance(100);
    assert.deepEqual(served(), ['a.test+1-0']);
  });

  test('first read with an invalid document: is not served before the hold ends', () => {
    const { clock, deliver, pipeline, served } = makeRig();
    deliver(content('a.test'), { kind: 'content', path: 'bad.yaml', text: 'a: [', settled: true }, synced);
    clock.advance(holdMs - 1);
    assert.equal(pipeline.view().readiness.kind, 'doubtful');
    assert.deepEqual(served(), []);
    clock.advance(10);
    assert.deepEqual(served(), ['a.test+1-0']);
  });

  test('invalid document is fixed: is served at once', () => {
    const { clock, deliver, served } = makeRig();
    deliver(content('a.test'), { kind: 'content', path: 'bad.yaml', text: 'a: [', settled: true }, synced);
    clock.advance(100);
    deliver({ kind: 'content', path: 'bad.yaml', text: 'kind: ConfigMap', settled: true });
    clock.advance(100);
    assert.deepEqual(served(), ['a.test+1-0']);
  });

  test('first read without a MeshTrust: is not served before the hold ends', () => {
    const { clock, deliver, events, pipeline } = makeRig();
    deliver(synced);
    clock.advance(holdMs - 1);
    assert.equal(pipeline.view().readiness.kind, 'doubtful');
    clock.advance(10);
    assert.equal(pipeline.view().readiness.kind, 'ready');
    assert.equal(events.filter(({ kind }) => kind === 'served').length, 1);
  });

  test('source fails later: stays ready', () => {
    const { clock, deliver, pipeline } = makeRig();
    deliver(content('a.test'), synced);
    clock.advance(100);
    deliver(
      { kind: 'failed', path: 'dir', reason: 'EIO' },
      { kind: 'content', path: 'bad.yaml', text: '', settled: true },
    );
    clock.advance(100);
    assert.equal(pipeline.view().readiness.kind, 'ready');
  });

  test('burst: one push at the start, then at most one in 50 ms', () => {
    const { clock, deliver, served } = makeRig();
    deliver(content('first.test'), synced);
    clock.advance(1000);
    for (let index = 0; index < 100; index++) {
      deliver(content(`d${index}.test`));
      clock.advance(1);
    }
    clock.advance(100);
    assert.equal(served().length, 1 + 1 + 2);
    assert.equal(served().join(' ').split(' ').length, 101);
  });

  test('first change of a burst: is pushed within a few milliseconds', () => {
    const { clock, deliver, served } = makeRig();
    deliver(content('a.test'), synced);
    clock.advance(1000);
    deliver(content('b.test'));
    clock.advance(3);
    assert.deepEqual(served(), ['a.test+1-0', 'b.test+1-0']);
  });

  test('change without effect on the served state: no push', () => {
    const { clock, deliver, served } = makeRig();
    deliver(content('a.test'), synced);
    clock.advance(100);
    deliver(content('a.test', [`# a comment\n${ca.certPem}\n`]));
    clock.advance(100);
    assert.deepEqual(served(), ['a.test+1-0']);
  });

  test('text settles: is not parsed again', () => {
    const { clock, deliver } = makeRig();
    deliver(content('a.test', [ca.certPem], false));
    const before = reader.stats().texts;
    deliver(content('a.test', [ca.certPem], true));
    clock.advance(100);
    assert.deepEqual(reader.stats().texts, before);
  });

  test('dates of same-key certificates pass: the choice is made again, and expiry is reported', () => {
    const { clock, deliver, events, served } = makeRig();
    const key = makeKey();
    const now = clock.wall();
    const twin = (from: number, to: number) =>
      makeCa({
        commonName: 'Twin',
        key,
        notBefore: new Date(now + from * day),
        notAfter: new Date(now + to * day),
      });
    deliver(content('a.test', [twin(-1, 2).certPem, twin(1, 300).certPem]), synced);
    clock.advance(day / 2);
    assert.deepEqual(served(), ['a.test+1-0']);
    clock.advance(2 * day);
    assert.deepEqual(served(), ['a.test+1-0', 'a.test+1-1']);
    const resolved = events.flatMap((event) =>
      event.kind === 'findings' ? event.resolved.map(({ code }) => code) : [],
    );
    assert.ok(resolved.includes('MT023'), 'the twin that expired soon is no longer served');
  });

  test('mass loss: is held back, then applied after the hold', () => {
    const { clock, deliver, pipeline, served } = makeRig();
    deliver(content('a.test'), content('b.test'), synced);
    clock.advance(100);
    deliver(
      { kind: 'gone', path: 'a-test.yaml', evidence: 'deletion' },
      { kind: 'gone', path: 'b-test.yaml', evidence: 'deletion' },
    );
    clock.advance(holdMs - 100);
    assert.equal(served().length, 1);
    assert.equal(pipeline.view().ledger.held.length, 2);
    clock.advance(200);
    assert.deepEqual(served(), ['a.test+1-0 b.test+1-0', 'a.test+0-1 b.test+0-1']);
    assert.equal(pipeline.view().meshes.get('default')?.secrets.denyAll, true);
  });

  test('release of a held loss: is applied', () => {
    const { clock, deliver, pipeline, served } = makeRig();
    deliver(content('a.test'), content('b.test'), synced);
    clock.advance(100);
    deliver(
      { kind: 'gone', path: 'a-test.yaml', evidence: 'deletion' },
      { kind: 'gone', path: 'b-test.yaml', evidence: 'deletion' },
    );
    clock.advance(100);
    assert.equal(pipeline.releaseGuard().length, 2);
    clock.advance(100);
    assert.equal(served().length, 2);
  });

  test('held loss: is known before the build, so it is not written as the last good state', () => {
    const { clock, deliver, pipeline } = makeRig();
    deliver(content('a.test'), content('b.test'), synced);
    clock.advance(100);
    deliver(
      { kind: 'gone', path: 'a-test.yaml', evidence: 'deletion' },
      { kind: 'gone', path: 'b-test.yaml', evidence: 'deletion' },
    );
    assert.equal(pipeline.held().length, 2);
  });

  test('events of one burst: are applied as one step', () => {
    const { clock, deliver, events, pipeline } = makeRig();
    deliver(content('a.test'), content('b.test'), synced);
    clock.advance(1000);
    const before = events.length;
    deliver(
      { kind: 'gone', path: 'a-test.yaml', evidence: 'deletion' },
      { kind: 'gone', path: 'b-test.yaml', evidence: 'deletion' },
    );
    deliver(content('a.test'), content('b.test'));
    clock.advance(100);
    assert.deepEqual(pipeline.view().ledger.held, []);
    assert.deepEqual(
      events.slice(before).map(({ kind }) => kind),
      ['granted', 'updated'],
    );
  });

  test('another resource lists the same CA: the view has changed when its event is sent', () => {
    const { clock, deliver, events, pipeline } = makeRig();
    deliver(content('a.test'), synced);
    clock.advance(1000);
    const before = events.length;
    const text = meshTrustYaml({ name: 'other', trustDomain: 'a.test', pems: [ca.certPem] });
    const listedBy = (): readonly string[] =>
      [...pipeline.view().meshes.values()].flatMap(({ bundle }) =>
        bundle.bundles.flatMap(({ anchors }) => anchors.flatMap((anchor) => anchor.listedBy)),
      );
    const seen: string[] = [];
    pipeline.subscribe(({ kind }) => seen.push(`${kind} ${listedBy().join()}`));
    deliver({ kind: 'content', path: 'a-test.yaml', text, settled: true });
    clock.advance(100);
    assert.deepEqual(
      events.slice(before).map(({ kind }) => kind),
      ['granted', 'updated'],
    );
    assert.equal(seen.at(-1), 'updated default//other');
  });

  suite('a long file is parsed, and another file changes', () => {
    const [a, b, c, x] = makeCaPems('A', 'B', 'C', 'X');
    const filler = '---\nkind: ConfigMap\n'.repeat(100);
    const file = (path: string, ...texts: readonly string[]): SourceEvent => ({
      kind: 'content',
      path,
      text: texts.join('---\n'),
      settled: true,
    });
    const trust = (name: string, pems: readonly string[], trustDomain = `${name}.test`): string =>
      meshTrustYaml({ name, trustDomain, pems });
    interface Case {
      readonly before: string;
      /** In the long file. */
      readonly added: string;
      readonly after: string;
      readonly pushes: readonly string[];
    }
    const cases: Readonly<Record<string, Case>> = {
      'a MeshTrust moves to the long file: is not withdrawn meanwhile': {
        before: `${trust('a', [a])}---\n${trust('x', [x])}`,
        added: trust('x', [x]),
        after: trust('a', [a]),
        pushes: [],
      },
      'a CA moves to another MeshTrust in the long file: is not withdrawn meanwhile': {
        before: trust('a', [a, x]),
        added: trust('y', [x], 'a.test'),
        after: trust('a', [a]),
        pushes: [],
      },
      'a CA is removed: is withdrawn once the long file is parsed': {
        before: trust('a', [a, x]),
        added: trust('y', [x]),
        after: trust('a', [a]),
        pushes: ['a.test+0-1 y.test+1-0'],
      },
      'a CA is added: is pushed before the long file is parsed': {
        before: trust('a', [a]),
        added: trust('y', [x]),
        after: trust('a', [a, x]),
        pushes: ['a.test+1-0', 'y.test+1-0'],
      },
    };
    for (const [title, { before, added, after, pushes }] of Object.entries(cases))
      test(title, () => {
        const { clock, deliver, pipeline, served } = makeRig(6);
        deliver(file('a.yaml', before), file('b.yaml', trust('b', [b])), file('c.yaml', trust('c', [c])));
        deliver(synced);
        clock.advance(1_000);
        const first = served().length;
        deliver(file('b.yaml', trust('b', [b]), filler, added));
        deliver(file('a.yaml', after));
        while (!pipeline.isCurrent()) clock.advance(1);
        assert.deepEqual(served().slice(first), pushes);
      });
  });

  test('file is removed before it settled: its text is not kept', () => {
    const { deliver } = makeRig();
    deliver(content('a.test', [ca.certPem], false));
    deliver({ kind: 'gone', path: 'a-test.yaml', evidence: 'deletion' });
    const before = reader.stats().texts.hits;
    deliver(content('a.test', [ca.certPem], false));
    assert.equal(reader.stats().texts.hits, before + 1, 'it was read again');
  });

  test('no MeshTrust is listed: is reported once', () => {
    const { clock, deliver, served } = makeRig();
    deliver(synced);
    clock.advance(holdMs + 100);
    deliver({ kind: 'content', path: 'other.yaml', text: 'kind: ConfigMap', settled: true });
    clock.advance(100);
    assert.equal(served().length, 1);
  });

  test('a day passes: no finding is repeated', () => {
    const { clock, deliver, events } = makeRig();
    const soon = makeCa({ commonName: 'Soon', notAfter: new Date(clock.wall() + 80 * day) });
    deliver(content('a.test', [soon.certPem]), synced);
    clock.advance(1000);
    const before = events.length;
    clock.advance(40 * day);
    assert.deepEqual(events.slice(before), []);
  });

  test('key is distrusted: is applied at once', () => {
    const { clock, deliver, pipeline, served } = makeRig();
    deliver(content('a.test'), synced);
    clock.advance(100);
    const fingerprint = reader
      .read(ca.certPem)
      .flatMap((block) => (block.kind === 'anchor' ? [block.certificate.fingerprint] : []));
    pipeline.setPolicy({ distrusted: new Set(fingerprint), refuseIntermediates: false });
    clock.advance(100);
    assert.deepEqual(served(), ['a.test+1-0', 'a.test+0-1']);
  });

  test('restored state: is served before the source is read', () => {
    const { clock, pipeline, served } = makeRig();
    const earlier = makeRig();
    earlier.deliver(content('a.test'), synced);
    earlier.clock.advance(100);
    const granted = earlier.events.find((event) => event.kind === 'granted');
    assert.deepEqual(granted, { kind: 'granted', source: 'files', paths: ['a-test.yaml'] });
    pipeline.restore('files', [
      { kind: 'restored', path: 'a-test.yaml', grants: earlier.pipeline.grantsOf('files', 'a-test.yaml') },
    ]);
    clock.advance(100);
    assert.deepEqual(served(), ['a.test+1-0']);
    assert.equal(pipeline.view().readiness.kind, 'ready');
  });

  test('closed: no timer is left', () => {
    const { clock, deliver, pipeline } = makeRig();
    deliver(content('a.test'), synced);
    clock.advance(10);
    deliver(content('b.test'));
    pipeline.close();
    assert.equal(clock.pending(), 0);
  });
});
