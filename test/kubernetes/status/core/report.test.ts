import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { observedStatus } from '../../../../src/kubernetes/status/core/observed-status.ts';
import { createReport } from '../../../../src/kubernetes/status/core/report.ts';
import { conditionOf } from '../../../../src/kubernetes/status/core/status.ts';
import { allFindings } from '../../../../src/trust/snapshot/all-findings.ts';
import { createMeshBuilder } from '../../../../src/trust/snapshot/mesh-builder.ts';
import { noPolicy } from '../../../kit/bundles.ts';
import { longName, makeCa, makeKey } from '../../../kit/certificates.ts';
import { makeLedger, version } from '../../../kit/ledger.ts';
import { meshTrustYaml } from '../../../kit/mesh-trust-text.ts';

const key = makeKey();

/**
 * Returns the reason of the condition Programmed of each object, by name: trust domains with the given number of CAs of
 * 2,000 bytes.
 */
function reasonsOf(objects: Readonly<Record<string, number>>): Readonly<Record<string, string>> {
  const now = Date.now();
  const ledger = makeLedger(0);
  const pathOf = (name: string): string => `kubernetes:ns/${name}`;
  for (const [name, count] of Object.entries(objects)) {
    const pems = Array.from(
      { length: count },
      (_, index) => makeCa({ subject: longName(2000, `${name}${index}`), key }).certPem,
    );
    const text = meshTrustYaml({ name, trustDomain: `${name}.test`, pems });
    ledger.apply('files', [version(pathOf(name), text)], now);
  }
  const meshes = createMeshBuilder(noPolicy).build(ledger.view().holdings, now);
  const report = createReport({
    view: { ready: true, meshes, findings: allFindings(ledger.view().findings, meshes, now) },
    grantsOf: (path) => ledger.grantsOf('files', path),
    countsOf: () => ({ connected: 1, acked: 1, lost: 0, complete: true }),
    now,
  });
  return Object.fromEntries(
    Object.keys(objects).map((name) => {
      const head = { path: pathOf(name), namespace: 'ns', name, uid: name, generation: 1, status: undefined };
      const { status } = report(head, observedStatus(undefined));
      return [name, conditionOf(status, 'Programmed')?.reason ?? ''];
    }),
  );
}

suite('report', () => {
  test('mesh above the limit of CA names › only the object that is left out says so', () => {
    assert.deepEqual(reasonsOf({ a: 10, b: 15, c: 8 }), { a: 'Programmed', b: 'LeftOut', c: 'Programmed' });
  });

  test('mesh below the limit › no object is left out', () => {
    assert.deepEqual(reasonsOf({ a: 10, c: 8 }), { a: 'Programmed', c: 'Programmed' });
  });
});
