import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createPipeline } from '../../src/runtime/pipeline.ts';
import type { Pipeline } from '../../src/runtime/pipeline.ts';
import { createIdentityStage } from '../../src/trust/identity/identity-stage.ts';
import type { Linger } from '../../src/trust/identity/superseded.ts';
import { createLedger } from '../../src/trust/ledger/ledger.ts';
import { defaultLimits } from '../../src/trust/model/limits.ts';
import { createMeshBuilder } from '../../src/trust/snapshot/mesh-builder.ts';
import type { SourceEvent } from '../../src/trust/source.ts';
import { noPolicy, servedCas } from '../kit/bundles.ts';
import { makeCa } from '../kit/certificates.ts';
import { createFakeClock } from '../kit/fake-clock.ts';
import type { FakeClock } from '../kit/fake-clock.ts';
import { bundled, hour, identityText, inline } from '../kit/mesh-identities.ts';
import { meshTrustYaml } from '../kit/mesh-trust-text.ts';
import { reader } from '../kit/resources.ts';

const holdMs = 30_000;
const path = 'identity.yaml';
const a = makeCa({ commonName: 'A' });
const b = makeCa({ commonName: 'B' });

interface Rig {
  readonly clock: FakeClock;
  readonly pipeline: Pipeline;
  readonly deliver: (...events: readonly SourceEvent[]) => void;
  /** Returns the served CAs as `trust domain: common names`. */
  readonly served: () => readonly string[];
  readonly codes: () => readonly string[];
}

/** A pipeline that reads MeshIdentities and serves the CA A of one. */
function makeRig(linger: Linger): Rig {
  const clock = createFakeClock(Date.now());
  const pipeline = createPipeline({
    ledger: createLedger(['files', 'superseded'], { holdMs }),
    builder: createMeshBuilder(noPolicy),
    parse: { defaultMesh: 'default', reader, identities: true },
    identities: createIdentityStage({
      zone: undefined,
      zones: [],
      linger,
      limits: defaultLimits,
      awaitsPublication: true,
    }),
    guardHoldMs: holdMs,
    clock,
  });
  const deliver: Rig['deliver'] = (...events) => {
    pipeline.deliver('files', events);
    clock.advance(100);
  };
  pipeline.deliver('superseded', [{ kind: 'synced' }]);
  deliver(content(a.certPem), { kind: 'synced' });
  return {
    clock,
    pipeline,
    deliver,
    served: () => servedCas(pipeline.view().meshes),
    codes: () => pipeline.view().ledger.findings.map(({ code }) => code),
  };
}

function content(pem: string): SourceEvent {
  const certificate = inline(pem);
  const spec = bundled(certificate, {
    bundled: { ca: { certificate }, certificateParameters: { expiry: '24h' } },
  });
  return { kind: 'content', path, text: identityText({ spec }), settled: true };
}

function fingerprintOf(pem: string): ReadonlySet<string> {
  const read = reader.read(pem);
  return new Set(
    read.flatMap((block) => (block.kind === 'anchor' ? [block.certificate.fingerprint] : [])).flat(),
  );
}

suite('pipeline with MeshIdentities', () => {
  test('Kuma generates the CA of a MeshIdentity of the cluster: a finding after 30 s without its MeshTrust', () => {
    const { clock, deliver, pipeline } = makeRig({ kind: 'leaves' });
    const found = (): readonly string[] => pipeline.view().findings.map(({ code }) => code);
    const provider = {
      type: 'Bundled',
      bundled: { insecureAllowSelfSigned: true, autogenerate: { enabled: true } },
    };
    const spec = { spiffeID: { trustDomain: 'b.example' }, provider };
    const text = identityText({ name: 'generated', spec });
    deliver({ kind: 'content', path: 'kubernetes:meshidentity:a/generated', text, settled: true });
    clock.advance(29_800);
    assert.deepEqual(found(), []);
    clock.advance(200);
    assert.deepEqual(found(), ['MT071']);
    const trust = meshTrustYaml({ name: 'generated', trustDomain: 'b.example', pems: [b.certPem] });
    deliver({ kind: 'content', path: 'kubernetes:a/generated', text: trust, settled: true });
    assert.deepEqual(found(), []);
  });

  test('MeshIdentity is absent from a list: the guard holds its CA, which then lingers until its leaves have ended', () => {
    const { clock, deliver, served, codes } = makeRig({ kind: 'leaves' });
    deliver({ kind: 'gone', path, evidence: 'absence' });
    assert.deepEqual([served(), codes()], [['a.example: A'], ['MT042', 'MT076']]);
    clock.advance(holdMs);
    assert.deepEqual([served(), codes()], [['a.example: A'], ['MT076']]);
    clock.advance(23 * hour);
    assert.deepEqual(served(), ['a.example: A']);
    clock.advance(hour);
    assert.deepEqual([served(), codes()], [[], []]);
  });

  test('MeshIdentity is absent from a list, and nothing lingers: the guard holds its CA first', () => {
    const { clock, deliver, served, codes } = makeRig({ kind: 'fixed', ms: 0 });
    deliver({ kind: 'gone', path, evidence: 'absence' });
    assert.deepEqual([served(), codes()], [['a.example: A'], ['MT042']]);
    clock.advance(holdMs);
    assert.deepEqual([served(), codes()], [[], []]);
  });

  test('MeshIdentity is deleted, and nothing lingers: its CA is withdrawn at once', () => {
    const { deliver, served, codes } = makeRig({ kind: 'fixed', ms: 0 });
    deliver({ kind: 'gone', path, evidence: 'deletion' });
    assert.deepEqual([served(), codes()], [[], []]);
  });

  test('lingering CA is distrusted: is withdrawn at once, and the current one stays', () => {
    const { clock, deliver, pipeline, served, codes } = makeRig({ kind: 'leaves' });
    deliver(content(b.certPem));
    assert.deepEqual(served(), ['a.example: A B']);
    assert.deepEqual(codes(), ['MT076']);
    pipeline.setPolicy({ distrusted: fingerprintOf(a.certPem), refuseIntermediates: false });
    clock.advance(100);
    assert.deepEqual(served(), ['a.example: B']);
    assert.deepEqual(
      pipeline.view().findings.map(({ code }) => code),
      ['MT018', 'MT076'],
    );
  });
});
