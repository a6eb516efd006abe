import type {
  AnsweredFacts,
  AuthenticationFacts,
  CaFacts,
  ConsumerFacts,
  KnownRotation,
} from '../trust/rotation/facts.ts';
import { counted } from '../text/counted.ts';
import type { MeshDetail } from './api-types.ts';
import type { ConsumerList } from './consumer-api-types.ts';
import type { IssuerList } from './issuer-api-types.ts';
import { observationOfServer } from './present-issuers.ts';
import type { ProxySummary, RolloutDetail } from './fleet-api-types.ts';
import type { RotationDetail } from './rotation-api-types.ts';
import type { ServerDetail, XdsAuthenticationDetail } from './server-api-types.ts';

/** The answers of a server from which the facts about a rotation are taken. */
export interface RotationAnswers {
  readonly server: ServerDetail;
  /** Undefined for a mesh that the server does not know. */
  readonly mesh: MeshDetail | undefined;
  /** True if the answers about the mesh are of different versions, so that `mesh` is left out. */
  readonly isChanging?: boolean | undefined;
  readonly rollout: RolloutDetail | undefined;
  /** The proxies of the mesh without a connection. */
  readonly gone: readonly ProxySummary[];
  /** False if proxies of a worker are missing in `gone`. */
  readonly isGoneComplete?: boolean | undefined;
  readonly rotations: readonly (Pick<RotationDetail, 'resource' | 'trustDomain' | 'old' | 'new'> &
    Partial<RotationDetail>)[];
  /** Undefined: the server has no bundle endpoint. */
  readonly consumers: ConsumerList | undefined;
  /** Undefined: the server takes no access logs. */
  readonly issuers?: IssuerList | undefined;
}

/** Returns the facts about a trust domain from the answers of one server. */
export function rotationFacts(name: string, trustDomain: string, answers: RotationAnswers): AnsweredFacts {
  const { server, mesh, rollout, gone, isGoneComplete = true, rotations, consumers, issuers } = answers;
  const domain = mesh?.trustDomains.find((one) => one.name === trustDomain);
  const { xdsAuthentication } = server;
  return {
    kind: 'answered',
    server: name,
    notReady: notReady(answers),
    startedAt: timeOf(server.startedAt),
    ...(server.at !== undefined && { at: Date.parse(server.at) }),
    served: rollout && { version: rollout.version, since: Date.parse(rollout.servedAt) },
    cas: (domain?.anchors ?? []).map((anchor) => ({
      ...caFacts(anchor),
      asListed: anchor.rooting === 'as-listed',
      issuedBy: anchor.issuedBy,
      resources: anchor.resources,
    })),
    distrusted: mesh?.findings.flatMap(({ code, trustDomain: of, fingerprint }) =>
      code === 'MT018' && of === trustDomain && fingerprint !== undefined ? [fingerprint] : [],
    ),
    overLimit: mesh?.findings.some(({ code, severity }) => code === 'MT031' && severity === 'error') ?? false,
    held: mesh?.held.some((held) => held.name === trustDomain) ?? false,
    rotations: rotations.filter((one) => one.trustDomain === trustDomain).map(knownRotation),
    proxies: proxiesOf(rollout, isGoneComplete),
    gone: gone.map(({ node, address, disconnectedAt, version, servedVersion }) => ({
      node: node === '' ? address : node,
      goneAt: timeOf(disconnectedAt) ?? 0,
      hasServed: version !== undefined && version === servedVersion,
    })),
    unlisted: rollout?.unlisted && {
      count: rollout.unlisted.proxies,
      lastAt: timeOf(rollout.unlisted.lastDisconnectedAt) ?? 0,
    },
    authentication: xdsAuthentication && authenticationFacts(xdsAuthentication, mesh?.name),
    publication: mesh && consumers && publicationOf(consumers, mesh.name, trustDomain),
    observed: issuers && observationOfServer(issuers),
  };
}

function authenticationFacts(
  { methods, beyondHost, rules, meshesWithNodeRules }: XdsAuthenticationDetail,
  mesh: string | undefined,
): AuthenticationFacts {
  const limited = meshesWithNodeRules?.some((name) => name === mesh);
  return { methods, beyondHost, limitsNodes: rules ? limited : false };
}

/** Parses the times of a CA certificate. */
export function caFacts({
  fingerprint,
  keyHash,
  subject,
  issuer,
  notBefore,
  notAfter,
}: Readonly<
  Record<'fingerprint' | 'keyHash' | 'subject' | 'issuer' | 'notBefore' | 'notAfter', string>
>): CaFacts {
  return {
    fingerprint,
    keyHash,
    subject,
    issuer,
    notBefore: Date.parse(notBefore),
    notAfter: Date.parse(notAfter),
  };
}

/** Returns what a server publishes of a trust domain, and its consumers; `undefined` if it is not published. */
function publicationOf(
  { at, published, withheld = [], consumers, forgotten }: ConsumerList,
  mesh: string,
  trustDomain: string,
): AnsweredFacts['publication'] {
  const isOf = (one: { readonly mesh: string; readonly trustDomain: string }): boolean =>
    one.mesh === mesh && one.trustDomain === trustDomain;
  if (withheld.some(isOf)) return 'withheld';
  const bundle = published.find(isOf);
  if (bundle === undefined) return undefined;
  const { etag, refreshHintSeconds, publishedAt } = bundle;
  if (at === undefined || refreshHintSeconds === undefined || publishedAt === undefined) return 'unknown';
  // By the clock of the server: it may differ from the one of this program.
  const ageOf = (time: string): number => Math.max(0, Date.parse(at) - Date.parse(time));
  const known = consumers
    .filter(isOf)
    .map(({ address, userAgent, state, lastFetchAt, pollSeconds }): ConsumerFacts => ({
      name: userAgent === '' ? address : `${address} (${userAgent})`,
      state,
      ageMs: ageOf(lastFetchAt),
      pollMs: pollSeconds === undefined ? undefined : pollSeconds * 1000,
    }));
  // They may be consumers of this bundle.
  const lost = {
    name: `${counted(forgotten, 'consumer')} that the server no longer lists`,
    state: 'unknown',
    ageMs: 0,
    pollMs: undefined,
  } as const;
  return {
    etag,
    hintMs: refreshHintSeconds * 1000,
    unchangedMs: ageOf(publishedAt),
    consumers: forgotten === 0 ? known : [...known, lost],
  };
}

function proxiesOf(rollout: RolloutDetail | undefined, isGoneComplete: boolean): AnsweredFacts['proxies'] {
  if (rollout === undefined)
    return { connected: 0, acked: 0, lost: 0, refused: 0, forgotten: 0, complete: true, lagging: [] };
  const { proxies, asked, complete, lagging } = rollout;
  return {
    connected: proxies.connected,
    acked: asked.proxies,
    lost: asked.lacking - (proxies.connected - asked.proxies),
    refused: proxies.refused,
    forgotten: proxies.forgotten,
    complete: complete && isGoneComplete,
    lagging: lagging.map(({ node, address, state }) => `${node === '' ? address : node} (${state})`),
  };
}

function notReady({ server, mesh, isChanging }: RotationAnswers): string | undefined {
  const reason = whyNotReady(server);
  if (reason !== undefined) return reason;
  if (isChanging === true) return 'the version of the mesh changed while it was asked';
  return mesh === undefined ? 'it does not know the mesh' : undefined;
}

/** Returns why a server may not know the newest trust and annotations; `undefined` if it does. */
export function whyNotReady({ readiness, sources }: ServerDetail): string | undefined {
  if (readiness.status !== 'ready') return readiness.status;
  // Readiness does not wait for a source that has failed since the start, without a state of an earlier run.
  const unread = sources.find(({ synced, restored, failure }) =>
    failure === undefined ? !synced : synced || restored,
  );
  return unread && `source ${unread.name} cannot be read, or has not been read completely`;
}

function knownRotation(one: RotationAnswers['rotations'][number]): KnownRotation {
  const { startedAt, switchedAt, backAt, leafTtlSeconds, listed = [] } = one;
  const cas = listed.map(({ fingerprint }) => fingerprint).sort();
  const reading = JSON.stringify({ startedAt, switchedAt, backAt, leafTtlSeconds, cas });
  return { resource: one.resource, old: one.old, new: one.new, reading };
}

function timeOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text);
}
