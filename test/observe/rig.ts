import { Writable } from 'node:stream';
import { createPipeline } from '../../src/runtime/pipeline.ts';
import type { Pipeline } from '../../src/runtime/pipeline.ts';
import { createLedger } from '../../src/trust/ledger/ledger.ts';
import { createMeshBuilder } from '../../src/trust/snapshot/mesh-builder.ts';
import type { SourceEvent } from '../../src/trust/source.ts';
import type { StateEvent } from '../../src/runtime/state-view.ts';
import { createAnchorReader } from '../../src/trust/x509/anchor-reader.ts';
import type { AnchorReader } from '../../src/trust/x509/anchor-reader.ts';
import { noPolicy } from '../kit/bundles.ts';
import { createFakeClock } from '../kit/fake-clock.ts';
import type { FakeClock } from '../kit/fake-clock.ts';
import { meshTrustYaml } from '../kit/mesh-trust-text.ts';
import type { MeshTrustText } from '../kit/mesh-trust-text.ts';

/** A real pipeline with a clock that the test advances. */
export interface Rig {
  readonly clock: FakeClock;
  readonly pipeline: Pipeline;
  readonly reader: AnchorReader;
  /** Delivers a batch and waits until the pipeline has processed it. */
  readonly deliver: (...events: readonly SourceEvent[]) => void;
}

export const holdMs = 30_000;

export function makeRig(observe: (event: StateEvent, rig: { readonly clock: FakeClock }) => void): Rig {
  const clock = createFakeClock(Date.now());
  const reader = createAnchorReader();
  const pipeline = createPipeline({
    ledger: createLedger(['files'], { holdMs }),
    builder: createMeshBuilder(noPolicy),
    parse: { defaultMesh: 'default', reader },
    guardHoldMs: holdMs,
    clock,
  });
  pipeline.subscribe((event) => observe(event, { clock }));
  return {
    clock,
    pipeline,
    reader,
    deliver: (...events) => {
      pipeline.deliver('files', events);
      clock.advance(100);
    },
  };
}

/** Returns the event of a file with one MeshTrust, named after its trust domain. */
export function content(
  text: Pick<MeshTrustText, 'trustDomain' | 'pems'> & Partial<MeshTrustText>,
): SourceEvent {
  const name = text.trustDomain.replaceAll('.', '-');
  return { kind: 'content', path: `${name}.yaml`, text: meshTrustYaml({ name, ...text }), settled: true };
}

export function gone(trustDomain: string): SourceEvent {
  return { kind: 'gone', path: `${trustDomain.replaceAll('.', '-')}.yaml`, evidence: 'deletion' };
}

export const synced: SourceEvent = { kind: 'synced' };

/** A stream that collects what is written to it. */
export function memoryStream(isTTY = false): {
  readonly stream: Writable & { readonly isTTY: boolean };
  readonly text: () => string;
  readonly lines: () => readonly Readonly<Record<string, unknown>>[];
} {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _, done) {
      text += chunk.toString();
      done();
    },
  });
  return {
    stream: Object.assign(stream, { isTTY }),
    text: () => text,
    lines: () =>
      text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}
