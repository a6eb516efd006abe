import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import * as fc from '../../../kit/fast-check.ts';

import type { Finding } from '../../../../src/trust/findings/finding.ts';
import { createLedger } from '../../../../src/trust/ledger/ledger.ts';
import type { Ledger, LedgerEvent } from '../../../../src/trust/ledger/ledger.ts';
import { currentShare } from '../../../../src/trust/ledger/share.ts';
import type { Share } from '../../../../src/trust/ledger/share.ts';
import type { TrustDomain } from '../../../../src/trust/model/mesh-trust.ts';
import { parseFile } from '../../../../src/trust/model/parse-file.ts';
import { createMeshBuilder } from '../../../../src/trust/snapshot/mesh-builder.ts';
import type { MeshStates } from '../../../../src/trust/snapshot/mesh-builder.ts';
import { readApiObject } from '../../../../src/kubernetes/client/api-object.ts';
import { trustEffects } from '../../../../src/kubernetes/webhook/core/trust-effects.ts';
import { makeCa, makeIntermediate } from '../../../kit/certificates.ts';
import { noPolicy } from '../../../kit/bundles.ts';
import { reader } from '../../../kit/resources.ts';
import { now, object } from '../reviews.ts';

const day = 86_400_000;
const years = { notBefore: new Date(now - day), notAfter: new Date(now + 3650 * day) };
const root = makeCa({ commonName: 'Root', ...years });
const pool = [
  root,
  makeCa({ commonName: 'Root', key: root, ...years }),
  makeCa({ commonName: 'Renamed', key: root, ...years }),
  makeIntermediate(root, { commonName: 'Inter', ...years }),
  makeCa({ commonName: 'Other', ...years }),
].map(({ certPem }) => certPem);

const text = fc.record({
  mesh: fc.constantFrom('default', 'blue'),
  trustDomain: fc.constantFrom('a.test', 'b.test'),
  pems: fc.subarray(pool, { minLength: 1 }),
});
type Text = typeof text extends fc.Arbitrary<infer T> ? T : never;

/** Returns the share of an object, and the event that adds it to the ledger. */
function read(name: string, given: Text): { readonly event: LedgerEvent; readonly share: Share } {
  const { path, text: json } = readApiObject(object({ name, ...given }))!;
  const parsed = parseFile(path, json, { defaultMesh: 'default', reader });
  const [document] = parsed.kind === 'documents' ? parsed.documents : [];
  assert.equal(document?.kind, 'mesh-trust');
  return { event: { kind: 'version', path, settled: true, parsed }, share: currentShare(document.resource) };
}

/** Returns the names and keys of the CAs of a trust domain. */
function trusted(states: MeshStates, mesh: string, trustDomain: TrustDomain): ReadonlySet<string> {
  const bundle = states.get(mesh)?.bundle.bundles.find((one) => one.trustDomain === trustDomain);
  return new Set(bundle?.anchors.map(({ certificate }) => `${certificate.keyHash} ${certificate.subject}`));
}

/** Returns the codes, trust domains and CAs of the findings on whole meshes. */
function findingsOf(states: MeshStates): ReadonlySet<string> {
  return new Set([...states.values()].flatMap(({ bundle }) => bundle.findings.map(keyOf)));
}

function keyOf({ code, mesh, trustDomain, fingerprint }: Finding): string {
  return `${code} ${mesh} ${trustDomain} ${fingerprint}`;
}

function build(ledger: Ledger, states = createMeshBuilder(noPolicy)): MeshStates {
  return states.build(ledger.view().holdings, now);
}

suite('effects of a change on trust', () => {
  test('any change among any other objects: the predicted effect is the actual one', () => {
    const others = fc.array(text, { maxLength: 4 });
    const option = fc.option(text, { nil: undefined });
    let losses = 0;
    let news = 0;
    fc.assert(
      fc.property(others, option, option, (beside, before, after) => {
        fc.pre(before !== undefined || after !== undefined);
        const ledger = createLedger(['kubernetes'], { holdMs: 0 });
        const apply = (...events: LedgerEvent[]): unknown => ledger.apply('kubernetes', events, 0);
        const [old, next] = [before && read('own', before), after && read('own', after)];
        apply(...beside.map((given, index) => read(`other${index}`, given).event), { kind: 'synced' });
        if (old !== undefined) apply(old.event);
        const inForce = { holdings: ledger.view().holdings, meshes: build(ledger) };
        const effects = trustEffects({
          change: {
            path: 'kubernetes:ns/own',
            before: old === undefined ? [] : [old.share],
            after: next === undefined ? [] : [next.share],
          },
          inForce,
          policy: noPolicy,
          now,
        });
        apply(next?.event ?? { kind: 'gone', path: 'kubernetes:ns/own', evidence: 'deletion' });
        const made = build(ledger);
        for (const { mesh, trustDomain, lost, isEmpty } of effects.domains) {
          const [was, is] = [inForce.meshes, made].map((states) => trusted(states, mesh, trustDomain));
          const gone = [...was!].filter((key) => !is!.has(key));
          assert.deepEqual(lost.map(({ keyHash, subject }) => `${keyHash} ${subject}`).sort(), gone.sort());
          assert.equal(isEmpty, is!.size === 0);
          losses += lost.length;
        }
        const known = findingsOf(inForce.meshes);
        const reported = new Set(effects.findings.map(keyOf));
        for (const key of findingsOf(made).difference(known)) {
          assert.ok(reported.has(key), key);
          news += 1;
        }
        const own = new Set(next?.share.anchors.map(({ certificate }) => certificate.fingerprint));
        for (const one of effects.findings)
          assert.ok(own.has(one.fingerprint ?? '') || !known.has(keyOf(one)), keyOf(one));
      }),
      { numRuns: 300 },
    );
    assert.ok(losses > 0 && news > 0);
  });
});
