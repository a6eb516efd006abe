import type { MeshDetail } from '../../../src/api/api-types.ts';
import type { Meshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';

/** What a running program serves a mesh: `trust domain: common names`; undefined for a mesh it never heard of. */
export async function served(server: Meshtrust, mesh = 'default'): Promise<readonly string[] | undefined> {
  const { status, body } = await server.admin(`/api/v1/meshes/${mesh}`);
  if (status !== 200) return undefined;
  const detail = JSON.parse(body) as MeshDetail;
  return detail.trustDomains.map(
    ({ name, anchors }) =>
      `${name}: ${anchors
        .map(({ subject }) => subject.replace(/^CN=/, ''))
        .sort()
        .join(' ')}`,
  );
}

/** Waits until exactly that is served. */
export async function untilServed(
  server: Meshtrust,
  wanted: readonly string[],
  timeoutMs = 10_000,
): Promise<void> {
  let last: readonly string[] | undefined;
  const check = async (): Promise<true | undefined> => {
    last = await served(server);
    return JSON.stringify(last) === JSON.stringify(wanted) ? true : undefined;
  };
  await poll(`${JSON.stringify(wanted)} to be served`, check, { timeoutMs }).catch((error: unknown) => {
    throw new Error(`served is ${JSON.stringify(last)}`, { cause: error });
  });
}

/** Codes of what is found now. */
export async function foundCodes(server: Meshtrust): Promise<readonly string[]> {
  const { body } = await server.admin('/api/v1/findings');
  const { findings } = JSON.parse(body) as { readonly findings: readonly { readonly code: string }[] };
  return [...new Set(findings.map(({ code }) => code))].sort();
}
