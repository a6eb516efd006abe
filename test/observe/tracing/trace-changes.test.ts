import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { SpanStatusCode } from '@opentelemetry/api';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { Rollout } from '../../../src/fleet/rollout.ts';
import { createChangeTracer, giveUpMs } from '../../../src/observe/tracing/trace-changes.ts';
import type { ChangeTracer } from '../../../src/observe/tracing/trace-changes.ts';
import { makeCa } from '../../kit/certificates.ts';
import { content, makeRig, synced } from '../rig.ts';
import type { Rig } from '../rig.ts';

const [a, b, c] = [makeCa({ commonName: 'A' }), makeCa({ commonName: 'B' }), makeCa({ commonName: 'C' })];

interface Setup extends Rig {
  readonly tracer: ChangeTracer;
  /** Returns the spans that ended since the last call. */
  readonly news: () => readonly ReadableSpan[];
  /** Returns the roll-out of the served version, converged now. */
  readonly rollout: (mesh?: string) => Rollout;
}

/** Publishing a change takes 3 ms in these tests. */
function setup(): Setup {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  let tracer: ChangeTracer | undefined;
  let served = { since: 0, servedAt: 0 };
  const rig = makeRig((event, { clock }) => {
    tracer ??= createChangeTracer({ tracer: provider.getTracer('test'), clock, proxies: () => 4 });
    if (event.kind !== 'served') return;
    const startedAt = clock.monotonic();
    served = { since: event.since, servedAt: clock.wall() };
    tracer.served(event, { startedAt, endedAt: startedAt + 3 });
  });
  rig.deliver(content({ trustDomain: 'a.test', pems: [a.certPem] }), synced);
  assert.ok(tracer !== undefined);
  return {
    ...rig,
    tracer,
    news: () => {
      const spans = exporter.getFinishedSpans();
      exporter.reset();
      return spans;
    },
    rollout: (mesh = 'default') => {
      const version = rig.pipeline.view().meshes.get(mesh)?.secrets.version ?? '';
      return {
        mesh,
        current: { version, names: new Map(), ...served },
        connected: 5,
        states: { synced: 5, pending: 0, stale: 0, refused: 0, reconnecting: 0, lost: 0 },
        complete: true,
        forgotten: 0,
        unlisted: { count: 0, lastAt: 0 },
        convergedAt: rig.clock.wall(),
        versions: [],
        lagging: [],
        asked: { version, known: true, has: 5, lacks: 0 },
      };
    },
  };
}

const named = (spans: readonly ReadableSpan[], name: string): readonly ReadableSpan[] =>
  spans.filter((span) => span.name === name);
const ms = ([seconds, nanos]: ReadableSpan['startTime']): number => seconds * 1000 + nanos / 1e6;
const outcomes = (spans: readonly ReadableSpan[]): readonly unknown[] =>
  named(spans, 'push').map(({ attributes }) => attributes['meshtrust.outcome']);

suite('trace of a change', () => {
  test('all proxies acknowledge: one root span, with a span for each step and for each mesh', () => {
    const { clock, deliver, news, rollout, tracer } = setup();
    tracer.converged(rollout());
    news();
    const cause = clock.wall();
    deliver(content({ trustDomain: 'a.test', pems: [a.certPem, b.certPem] }));
    clock.advance(400);
    tracer.converged(rollout());

    const spans = news();
    assert.deepEqual(
      spans.map(({ name }) => name),
      ['parse', 'build', 'publish', 'push', 'trust change'],
    );
    const root = spans.at(-1)!;
    assert.equal(root.parentSpanContext, undefined);
    for (const span of spans.slice(0, -1)) {
      assert.equal(span.spanContext().traceId, root.spanContext().traceId);
      assert.equal(span.parentSpanContext?.spanId, root.spanContext().spanId);
      assert.ok(ms(span.startTime) >= ms(root.startTime) && ms(span.endTime) <= ms(root.endTime), span.name);
    }
    assert.deepEqual([ms(root.startTime), ms(root.endTime)], [cause, clock.wall()]);
    assert.deepEqual(root.attributes, {
      'meshtrust.paths': ['a-test.yaml'],
      'meshtrust.texts': 1,
      'meshtrust.meshes': ['default'],
      'meshtrust.trust_domains': ['a.test'],
    });
    assert.deepEqual(named(spans, 'push')[0]?.attributes, {
      'meshtrust.mesh': 'default',
      'meshtrust.version': rollout().current.version,
      'meshtrust.deny_all': false,
      'meshtrust.proxies': 5,
      'meshtrust.outcome': 'converged',
    });
  });

  test('clocks disagree: no span ends before it began', () => {
    const { deliver, news, rollout, tracer } = setup();
    tracer.converged(rollout());
    news();
    deliver(content({ trustDomain: 'a.test', pems: [b.certPem] }));
    tracer.converged({ ...rollout(), convergedAt: 0 }, 2);
    const spans = news();
    assert.equal(named(spans, 'push')[0]?.attributes['meshtrust.lost'], 2);
    assert.equal(spans.length, 5);
    for (const { name, startTime, endTime } of spans) assert.ok(ms(startTime) <= ms(endTime), name);
    const [publish] = named(spans, 'publish');
    assert.ok(ms(spans.at(-1)!.endTime) >= ms(publish!.endTime));
  });

  test('newer change: ends the trace as superseded; the older one cannot end the newer trace', () => {
    const { deliver, news, rollout, tracer } = setup();
    const first = rollout();
    deliver(content({ trustDomain: 'a.test', pems: [b.certPem] }));
    assert.deepEqual(outcomes(news()), ['superseded']);
    tracer.converged(first);
    assert.deepEqual(news(), []);
    tracer.converged(rollout());
    assert.deepEqual(outcomes(news()), ['converged']);
  });

  test('several meshes: ends with the last of them', () => {
    const { deliver, news, rollout, tracer } = setup();
    tracer.converged(rollout());
    news();
    deliver(
      content({ trustDomain: 'a.test', pems: [b.certPem] }),
      content({ trustDomain: 'c.test', pems: [c.certPem], mesh: 'other' }),
    );
    tracer.converged(rollout());
    assert.equal(named(news(), 'trust change').length, 0);
    tracer.converged(rollout('other'));
    assert.equal(named(news(), 'trust change').length, 1);
  });

  test('proxy does not acknowledge in time: the trace ends as given up', () => {
    const { clock, news } = setup();
    news();
    clock.advance(giveUpMs);
    const spans = news();
    assert.deepEqual(outcomes(spans), ['given-up']);
    assert.equal(named(spans, 'push')[0]?.status.code, SpanStatusCode.ERROR);
    assert.equal(named(spans, 'trust change').length, 1);
  });

  test('program ends: open spans are ended', () => {
    const { clock, news, tracer } = setup();
    news();
    tracer.close();
    const spans = news();
    assert.deepEqual([outcomes(spans), named(spans, 'trust change').length], [['closed'], 1]);
    clock.advance(giveUpMs);
    assert.deepEqual(news(), []);
  });
});
