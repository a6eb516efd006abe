import type { ProxyList } from '../../../src/api/fleet-api-types.ts';
import { makeCa, makeIntermediate, makeLeaf } from '../../kit/certificates.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import type { Meshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import type { PageStage } from './page-stage.ts';
import type { PagePlan } from './run-page.ts';

/** Waits until the proxies of a server have acknowledged or rejected the served version. */
export async function settled(server: Meshtrust, count: number): Promise<void> {
  await poll('the answers of the proxies', async () => {
    const { body } = await server.admin('/api/v1/proxies');
    const states = (JSON.parse(body) as ProxyList).proxies.map(({ state }) => state);
    return states.length === count && states.every((state) => state === 'synced' || state === 'refused')
      ? true
      : undefined;
  });
}

/** Starts a server, and proxies that acknowledge. */
export async function serve(
  stage: PageStage,
  paths: readonly string[],
  nodes: readonly string[],
  ...args: readonly string[]
): Promise<Meshtrust> {
  const server = await stage.serve(paths, ...args);
  stage.proxies(...nodes);
  await settled(server, nodes.length);
  return server;
}

/** Returns node ids `edge-1…`. */
export function edges(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `edge-${index + 1}`);
}

/** Of two proxies, the first rejects what it is sent. */
export async function withRejection(stage: PageStage): Promise<void> {
  const server = await stage.serve(['examples/trust']);
  const proxies = stage.proxies('edge-7', 'edge-8');
  proxies.refuseNext(0, 'Failed to load trusted CA certificate for b.test');
  await server.logged('the rejection', ({ event }) => event === 'nack');
  await settled(server, 2);
}

/** A client of trust domain example.org, whose certificate is of an intermediate. */
export async function withLeaf(stage: PageStage): Promise<void> {
  const organisation = [['O', 'Example Organisation']] as const;
  const ca = makeCa({ subject: [...organisation, ['CN', 'Example Organisation CA']] });
  const issuing = makeIntermediate(ca, { commonName: 'Issuing CA' });
  const leaf = makeLeaf(issuing, { commonName: 'web', spiffeId: 'spiffe://example.org/web' });
  const text = meshTrustYaml({ name: 'example-org', trustDomain: 'example.org', pems: [ca.certPem] });
  await Promise.all([
    stage.write('/etc/meshtrust/example-org.yaml', text),
    stage.write('web.pem', leaf.certPem),
    stage.write('issuing.pem', issuing.certPem),
  ]);
  await stage.serve(['/etc/meshtrust/example-org.yaml']);
}

/** A server with one of the examples, and three proxies. */
export async function withOneExample(stage: PageStage): Promise<void> {
  await serve(stage, ['examples/trust/example-org-trust.yaml'], edges(3));
}

/** A server with the examples and a distrust list, and many proxies. */
export async function withDistrustList(stage: PageStage): Promise<void> {
  await stage.write('/etc/meshtrust/distrusted', '');
  await serve(stage, ['examples/trust'], edges(40), '--distrust=/etc/meshtrust/distrusted');
}

/** Commands that several pages have. */
export const commonCommands: PagePlan['commands'] = {
  'meshtrust diff examples/trust': { prepare: withOneExample, exitCode: 1 },
  'meshtrust proxy-status': { prepare: withRejection, varies: ['age', 'width'] },
  'meshtrust verify --leaf web.pem --chain issuing.pem --mesh default': {
    prepare: withLeaf,
    varies: ['hash', 'date'],
  },
  'meshtrust revoke f5c7fd0a9a1640ae --distrust /etc/meshtrust/distrusted': {
    prepare: withDistrustList,
    answers: [/\[y\/N\] $/, 'y'],
    varies: ['progress'],
  },
};
