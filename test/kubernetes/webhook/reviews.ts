import assert from 'node:assert/strict';

import { createLedger } from '../../../src/trust/ledger/ledger.ts';
import type { BundlePolicy } from '../../../src/trust/bundle/trust-bundle.ts';
import { parseFile } from '../../../src/trust/model/parse-file.ts';
import { createMeshBuilder } from '../../../src/trust/snapshot/mesh-builder.ts';
import { readApiObject } from '../../../src/kubernetes/client/api-object.ts';
import type { CheckContext } from '../../../src/kubernetes/webhook/core/check-change.ts';
import { noPolicy } from '../../kit/bundles.ts';
import { reader } from '../../kit/resources.ts';

export const now = Date.UTC(2026, 10, 23);
const parse = { defaultMesh: 'default', reader };

export interface ObjectText {
  readonly name: string;
  readonly trustDomain?: string;
  readonly mesh?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly pems: readonly string[];
}

/** Returns a MeshTrust as the API server sends it. */
export function object({
  name,
  trustDomain = name,
  mesh = 'default',
  labels = {},
  pems,
}: ObjectText): object {
  return {
    apiVersion: 'kuma.io/v1alpha1',
    kind: 'MeshTrust',
    metadata: { name, namespace: 'ns', uid: 'u', labels: { 'kuma.io/mesh': mesh, ...labels } },
    spec: { trustDomain, caBundles: pems.map((value) => ({ type: 'Pem', pem: { value } })) },
  };
}

/** Returns a review as the API server sends it. */
export function review(request: {
  readonly operation: string;
  readonly object?: object | null;
  readonly oldObject?: object | null;
  readonly [key: string]: unknown;
}): object {
  const resource = { group: 'kuma.io', version: 'v1alpha1', resource: 'meshtrusts' };
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { uid: 'asked', resource, ...request },
  };
}

/** Returns the context of a server that has read everything and has these objects in force. */
export function servingAll(
  objects: readonly object[],
  policy: BundlePolicy = noPolicy,
  fetched: readonly object[] = [],
): CheckContext {
  const ledger = createLedger(['kubernetes', 'federation'], { holdMs: 0 });
  const deliver = (source: string, all: readonly object[]): void => {
    const events = all.map((value) => {
      const read = readApiObject(value);
      assert.ok(read);
      const path = source === 'kubernetes' ? read.path : `${source}:${read.path}`;
      return { kind: 'version', path, settled: true, parsed: parseFile(path, read.text, parse) } as const;
    });
    ledger.apply(source, [...events, { kind: 'synced' }], 0);
  };
  deliver('kubernetes', objects);
  deliver('federation', fetched);
  const { holdings } = ledger.view();
  return {
    parse,
    policy,
    inForce: { holdings, meshes: createMeshBuilder(policy).build(holdings, now) },
    now,
  };
}

/** The context of a server that has not read everything yet. */
export const starting: CheckContext = { parse, policy: noPolicy, inForce: undefined, now };
