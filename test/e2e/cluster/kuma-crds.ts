import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { identityCrd } from './identity-crd.ts';
import { kumaCrd } from './kuma-crd.ts';

const folder = process.env['MESHTRUST_KUMA_CRDS'] ?? '';

/**
 * Reads a CRD of Kuma from the folder that `MESHTRUST_KUMA_CRDS` names. Without the variable, returns the CRD that has
 * the same fields and rules.
 * @throws {Error} if the folder has no such file: the tests must not pass without the CRD that was asked for.
 */
async function readCrd(name: string, equivalent: object): Promise<string> {
  if (folder === '') return JSON.stringify(equivalent);
  const path = join(folder, `kuma.io_${name}.yaml`);
  return readFile(path, 'utf8').catch((error: unknown) => {
    const place = 'deployments/charts/kuma/crds of https://github.com/kumahq/kuma at commit 348b6528';
    throw new Error(`MESHTRUST_KUMA_CRDS has no ${path}: give the folder ${place}`, { cause: error });
  });
}

/** The CRD of MeshTrust in a cluster with Kuma, for `kubectl apply`. */
export const kumaTrustCrd: string = await readCrd('meshtrusts', kumaCrd);

/** The CRD of MeshIdentity in a cluster with Kuma, for `kubectl apply`. */
export const kumaIdentityCrd: string = await readCrd('meshidentities', identityCrd);
