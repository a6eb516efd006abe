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
import { reasonOf } from '../../text/system-error.ts';
import { spread, timerMs } from '../../xds/timers/timers.ts';

export interface KeepOptions {
  readonly client: ApiClient;
  /** Namespace of the Secret. */
  readonly namespace: string;
  /** Name of the Secret. */
  readonly secret: string;
  /** Name of the ValidatingWebhookConfiguration. */
  readonly configuration: string;
  readonly issue: (options: IssueOptions) => Promise<IssuedCertificate>;
  /** Called with the reason when this replica has stored a new certificate in the Secret. */
  readonly onIssued: (reason: string) => void;
  /** Epoch milliseconds. */
  readonly now?: (() => number) | undefined;
  readonly times?: KeepTimes | undefined;
  /** Waits between two reads. Resolves early when `signal` is aborted. By default a timer. */
  readonly wait?: ((milliseconds: number, signal: AbortSignal) => Promise<void>) | undefined;
}

/** Times in milliseconds. */
interface KeepTimes {
  /** Time between two reads of the Secret and the configuration. */
  readonly everyMs: number;
  /** Time between writing a CA to the configuration and serving its certificate: the API server must read it first. */
  readonly spreadMs: number;
}

const defaultTimes: KeepTimes = { everyMs: 60_000, spreadMs: 10_000 };
/** Time for which an issued certificate that could not be stored is used again, in milliseconds. */
const reuseMs = 600_000;
/** Maximum number of attempts that fail because another replica writes. Each conflict means that one made progress. */
const maxConflicts = 5;

/** The outcome of one pass over the Secret and the configuration. */
type Pass =
  | { readonly kind: 'kept'; readonly kept: KeptCertificate }
  /** Another client wrote meanwhile. */
  | { readonly kind: 'conflict' }
  | { readonly kind: 'failed'; readonly reason: string };

/**
 * Returns a source of a certificate that the replicas issue themselves and share in a Secret. Its CA certificate is
 * written into the configuration of the webhook. The first replica issues the certificate, and the others read it from
 * the Secret. The Secret must exist: with a right to create Secrets, a replica could get the tokens of other service
 * accounts.
 *
 * The configuration is read before the Secret, and written with the resource version that was read. So no replica
 * replaces newer CA certificates by those of an older Secret.
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
  const options = reuseUnstored(given);
  const { everyMs, spreadMs } = options.times ?? defaultTimes;
  const wait = (milliseconds: number): Promise<void> => (options.wait ?? waitByTimer)(milliseconds, signal);
  let inUse: string | undefined;
  let reported: string | undefined;
  let failures = 0;
  while (!signal.aborted) {
    // A key that cannot be generated, or a defect, must not end the renewals.
    const pass = await reconcile(options, signal).catch((error: unknown) => failed(reasonOf(error)));
    if (signal.aborted) return;
    if (pass.kind === 'failed') {
      if (pass.reason !== reported) events.refused(pass.reason);
      reported = pass.reason;
      failures += 1;
      await wait(backoffMs(failures, undefined, Math.random));
      continue;
    }
    reported = undefined;
    failures = 0;
    const { certificate } = pass.kept;
    if (certificate !== inUse) {
      if (inUse !== undefined) await wait(spreadMs);
      if (signal.aborted) return;
      use(pass.kept, events, inUse === undefined);
      inUse = certificate;
    }
    await wait(spread(everyMs));
  }
}

async function waitByTimer(milliseconds: number, signal: AbortSignal): Promise<void> {
  await delay(timerMs(milliseconds), undefined, { signal, ref: false }).catch(() => undefined);
}

function use({ certificate, key }: KeptCertificate, events: CertificateEvents, isFirst: boolean): void {
  const contents = { certificate: Buffer.from(certificate), key: Buffer.from(key), clientCa: undefined };
  const result = readTlsMaterial(contents);
  if (result.kind === 'refused') events.refused(result.reason);
  else events.loaded(result.material, isFirst);
}

/**
 * Wraps `issue`: a certificate that could not be stored is used again for a while, because generating keys takes time.
 * One that was stored is never used again.
 */
function reuseUnstored(given: KeepOptions): ReconcileOptions {
  let last: { readonly names: string; readonly now: number; readonly issued: IssuedCertificate } | undefined;
  return {
    ...given,
    issue: async (request) => {
      const names = request.names.join(' ');
      if (last?.names === names && Math.abs(request.now - last.now) < reuseMs) return last.issued;
      const issued = await given.issue(request);
      last = { names, now: request.now, issued };
      return issued;
    },
    onIssued: (reason) => {
      last = undefined;
      given.onIssued(reason);
    },
    onFound: ({ certificate }) => {
      if (certificate !== last?.issued.certificate) return;
      last = undefined;
      given.onIssued('the API server stored it without a confirmation');
    },
  };
}

interface ReconcileOptions extends KeepOptions {
  /** Called with the certificate that the Secret has. */
  readonly onFound: (kept: KeptCertificate) => void;
}

/** Runs a pass, and repeats it after a conflict. */
async function reconcile(
  options: ReconcileOptions,
  signal: AbortSignal,
): Promise<Exclude<Pass, { kind: 'conflict' }>> {
  for (let attempt = 0; attempt < maxConflicts && !signal.aborted; attempt++) {
    const result = await reconcileOnce(options, signal);
    if (result.kind !== 'conflict') return result;
  }
  const reason = `the Secret or the configuration changed during each of ${maxConflicts} attempts to write it`;
  return { kind: 'failed', reason };
}

async function reconcileOnce(options: ReconcileOptions, signal: AbortSignal): Promise<Pass> {
  const { client, configuration, now = Date.now } = options;
  const at = `/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/${encodeURIComponent(configuration)}`;
  const reply = await callApi(client, at, signal);
  if (reply.kind === 'unreachable' || reply.status !== 200)
    return failed(`ValidatingWebhookConfiguration ${configuration}: ${refusalOf(reply)}`);
  const targets = readConfiguration(reply.object);
  if (targets === undefined) return failed(`ValidatingWebhookConfiguration ${configuration} has no webhook`);
  const found = await reconcileSecret(options, targets.names, now(), signal);
  if (found.kind !== 'kept') return found;
  const patch = authoritiesPatch(targets, found.kept.authorities);
  if (patch === undefined) return found;
  const type = 'application/strategic-merge-patch+json';
  const written = await callApi(client, { method: 'PATCH', path: at, type, body: patch }, signal);
  return outcomeOf(written, `ValidatingWebhookConfiguration ${configuration}`) ?? found;
}

/**
 * Returns the certificate in the Secret. Stores a new one first if the Secret is empty or its certificate cannot be
 * used any longer.
 */
async function reconcileSecret(
  options: ReconcileOptions,
  names: readonly string[],
  now: number,
  signal: AbortSignal,
): Promise<Pass> {
  const { client, namespace, secret, issue, onIssued } = options;
  const at = `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets/${encodeURIComponent(secret)}`;
  const what = `Secret ${namespace}/${secret}`;
  const reply = await callApi(client, at, signal);
  if (reply.kind === 'answered' && reply.status === 404)
    return failed(`${what} does not exist: create an empty one of type Opaque`);
  if (reply.kind === 'unreachable' || reply.status !== 200) return failed(`${what}: ${refusalOf(reply)}`);
  const plan = planCertificate(reply.object, names, now);
  if (plan.kind === 'refused') return failed(`${what} cannot be used: ${plan.reason}`);
  if (plan.kind === 'use') {
    options.onFound(plan.kept);
    return { kind: 'kept', kept: plan.kept };
  }
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

/** Returns the outcome of a write that failed; `undefined` if it succeeded. */
function outcomeOf(reply: Awaited<ReturnType<typeof callApi>>, what: string): Pass | undefined {
  if (reply.kind === 'answered' && reply.status < 300) return undefined;
  // 409: the object was changed meanwhile. 404: it was deleted meanwhile.
  if (reply.kind === 'answered' && (reply.status === 409 || reply.status === 404))
    return { kind: 'conflict' };
  return failed(`${what} cannot be written: ${refusalOf(reply)}`);
}

function failed(reason: string): Extract<Pass, { readonly kind: 'failed' }> {
  return { kind: 'failed', reason };
}
