import { setTimeout as delay } from 'node:timers/promises';
import { readTlsMaterial } from '../../net/tls-material.ts';
import type { ApiClient, ApiRequest } from '../client/api-client.ts';
import { resourceVersionOf } from '../client/api-object.ts';
import { backoffMs } from '../client/backoff.ts';
import { callApi, refusalOf } from '../client/call-api.ts';
import type { CertificateEvents, CertificateSource } from './certificate-source.ts';
import { planCertificate, secretData } from './core/kept-certificate.ts';
import type { KeptCertificate } from './core/kept-certificate.ts';
import { authoritiesPatch, readConfiguration } from './core/webhook-configuration.ts';
import type { IssuedCertificate, IssueOptions } from './issue-certificate.ts';
import { timerMs } from '../../xds/timers/timers.ts';

export interface KeepOptions {
  readonly client: ApiClient;
  /** Where the Secret is, and its name. */
  readonly namespace: string;
  readonly secret: string;
  /** Name of the ValidatingWebhookConfiguration. */
  readonly configuration: string;
  readonly issue: (options: IssueOptions) => Promise<IssuedCertificate>;
  /** Told when this replica put another certificate into the Secret, and why. */
  readonly onIssued: (reason: string) => void;
  /** Epoch milliseconds. */
  readonly now?: (() => number) | undefined;
  readonly times?: KeepTimes | undefined;
}

/** Milliseconds. */
export interface KeepTimes {
  /** How often Secret and configuration are looked at. */
  readonly everyMs: number;
  /** How long the API server has to learn of an authority before a certificate of it is served. */
  readonly spreadMs: number;
}

const defaultTimes: KeepTimes = { everyMs: 60_000, spreadMs: 10_000 };
/** How long a certificate that was made counts as new. */
const freshMs = 600_000;
/** Others that write at the same time; each of them makes progress. */
const mostConflicts = 5;

/** What one look came to. */
type Look =
  | { readonly kind: 'kept'; readonly kept: KeptCertificate }
  /** Another replica wrote meanwhile. */
  | { readonly kind: 'conflict' }
  | { readonly kind: 'failed'; readonly reason: string };

/**
 * A certificate that replicas make themselves and share in a Secret, and whose CA is written into the configuration
 * of the webhook. The first replica makes it; the others take it from the Secret. The Secret itself exists already: a
 * right to create Secrets would be one to have tokens of other service accounts.
 *
 * The configuration is read before the Secret and written with the version that was read, so that no replica
 * replaces newer authorities by those of an older Secret.
 */
export function keepCertificate(options: KeepOptions): CertificateSource {
  return (events) => {
    const closed = new AbortController();
    const running = keep(options, events, closed.signal);
    return {
      close: () => {
        closed.abort();
        return running;
      },
    };
  };
}

async function keep(given: KeepOptions, events: CertificateEvents, signal: AbortSignal): Promise<void> {
  const options = issueSparingly(given);
  const { everyMs, spreadMs } = options.times ?? defaultTimes;
  const wait = (milliseconds: number): Promise<void> =>
    delay(timerMs(milliseconds), undefined, { signal, ref: false }).catch(() => undefined);
  let inUse: string | undefined;
  let told: string | undefined;
  let failures = 0;
  while (!signal.aborted) {
    const look = await lookPatiently(options, signal);
    if (signal.aborted) return;
    if (look.kind === 'failed') {
      if (look.reason !== told) events.refused(look.reason);
      told = look.reason;
      failures += 1;
      await wait(backoffMs(failures, undefined, Math.random));
      continue;
    }
    told = undefined;
    failures = 0;
    const { certificate } = look.kept;
    if (certificate !== inUse) {
      if (inUse !== undefined) await wait(spreadMs);
      if (signal.aborted) return;
      use(look.kept, events, inUse === undefined);
      inUse = certificate;
    }
    await wait(everyMs * (0.9 + Math.random() / 5));
  }
}

function use({ certificate, key }: KeptCertificate, events: CertificateEvents, isFirst: boolean): void {
  const contents = { certificate: Buffer.from(certificate), key: Buffer.from(key), clientCa: undefined };
  const result = readTlsMaterial(contents);
  if (result.kind === 'refused') events.refused(result.reason);
  else events.loaded(result.material, isFirst);
}

/** One that could not be written is taken again for a while: keys cost time to make. One that was never is. */
function issueSparingly(given: KeepOptions): KeepOptions {
  let last: { readonly names: string; readonly now: number; readonly issued: IssuedCertificate } | undefined;
  return {
    ...given,
    issue: async (request) => {
      const names = request.names.join(' ');
      if (last?.names === names && Math.abs(request.now - last.now) < freshMs) return last.issued;
      const issued = await given.issue(request);
      last = { names, now: request.now, issued };
      return issued;
    },
    onIssued: (reason) => {
      last = undefined;
      given.onIssued(reason);
    },
  };
}

async function lookPatiently(
  options: KeepOptions,
  signal: AbortSignal,
): Promise<Exclude<Look, { kind: 'conflict' }>> {
  for (let attempt = 0; attempt < mostConflicts && !signal.aborted; attempt++) {
    const result = await look(options, signal);
    if (result.kind !== 'conflict') return result;
  }
  return { kind: 'failed', reason: 'others write to the Secret or the configuration all the time' };
}

async function look(options: KeepOptions, signal: AbortSignal): Promise<Look> {
  const { client, configuration, now = Date.now } = options;
  const at = `/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/${encodeURIComponent(configuration)}`;
  const reply = await callApi(client, at, signal);
  if (reply.kind === 'unreachable' || reply.status !== 200)
    return failed(`ValidatingWebhookConfiguration ${configuration}: ${refusalOf(reply)}`);
  const targets = readConfiguration(reply.object);
  if (targets === undefined) return failed(`ValidatingWebhookConfiguration ${configuration} has no webhook`);
  const found = await lookAtSecret(options, targets.names, now(), signal);
  if (found.kind !== 'kept') return found;
  const patch = authoritiesPatch(targets, found.kept.authorities);
  if (patch === undefined) return found;
  const type = 'application/strategic-merge-patch+json';
  const written = await callApi(client, { method: 'PATCH', path: at, type, body: patch }, signal);
  return outcomeOf(written, `ValidatingWebhookConfiguration ${configuration}`) ?? found;
}

/** What the Secret has, or has now. */
async function lookAtSecret(
  options: KeepOptions,
  names: readonly string[],
  now: number,
  signal: AbortSignal,
): Promise<Look> {
  const { client, namespace, secret, issue, onIssued } = options;
  const at = `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets/${encodeURIComponent(secret)}`;
  const what = `Secret ${namespace}/${secret}`;
  const reply = await callApi(client, at, signal);
  if (reply.kind === 'answered' && reply.status === 404)
    return failed(`${what} does not exist: create an empty one of type Opaque`);
  if (reply.kind === 'unreachable' || reply.status !== 200) return failed(`${what}: ${refusalOf(reply)}`);
  const plan = planCertificate(reply.object, names, now);
  if (plan.kind === 'refused') return failed(`${what} cannot be used: ${plan.reason}`);
  if (plan.kind === 'use') return { kind: 'kept', kept: plan.kept };
  const { authority, ...issued } = await issue({ names, now });
  const kept: KeptCertificate = { ...issued, authorities: [authority, ...plan.authorities] };
  const request: ApiRequest = {
    method: 'PATCH',
    path: at,
    type: 'application/merge-patch+json',
    body: { metadata: { resourceVersion: resourceVersionOf(reply.object) }, data: secretData(kept) },
  };
  const refusal = outcomeOf(await callApi(client, request, signal), what);
  if (refusal !== undefined) return refusal;
  onIssued(plan.reason);
  return { kind: 'kept', kept };
}

/** What a write came to, where it was not carried out. */
function outcomeOf(reply: Awaited<ReturnType<typeof callApi>>, what: string): Look | undefined {
  if (reply.kind === 'answered' && reply.status < 300) return undefined;
  // 409: it was changed meanwhile; 404: it was deleted meanwhile.
  if (reply.kind === 'answered' && (reply.status === 409 || reply.status === 404))
    return { kind: 'conflict' };
  return failed(`${what} cannot be written: ${refusalOf(reply)}`);
}

function failed(reason: string): Look {
  return { kind: 'failed', reason };
}
