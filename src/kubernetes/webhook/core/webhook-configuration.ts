import { resourceVersionOf } from '../../client/api-object.ts';
import { asMapping } from '../../../text/json.ts';

/** The fields of a ValidatingWebhookConfiguration that concern the addresses and certificates of its webhooks. */
export interface WebhookTargets {
  readonly resourceVersion: string;
  /** Names that the serving certificate must have: of Services, or hosts of URLs. */
  readonly names: readonly string[];
  readonly webhooks: readonly WebhookTarget[];
}

interface WebhookTarget {
  readonly name: string;
  /** The CA certificates that the API server trusts, in PEM. Empty if the configuration has none yet. */
  readonly authorities: string;
}

/** Parses a configuration. Returns `undefined` if it has no webhook. */
export function readConfiguration(object: unknown): WebhookTargets | undefined {
  const resourceVersion = resourceVersionOf(object);
  const listed = asMapping(object)?.['webhooks'];
  if (resourceVersion === undefined || !Array.isArray(listed)) return undefined;
  const read = listed.map(readWebhook).filter((webhook) => webhook !== undefined);
  if (read.length === 0) return undefined;
  return {
    resourceVersion,
    names: [...new Set(read.map(({ host }) => host))],
    webhooks: read.map(({ name, authorities }) => ({ name, authorities })),
  };
}

/**
 * Returns the strategic merge patch that makes the API server trust exactly these CA certificates for all webhooks;
 * `undefined` if it already does. The patch contains the resource version that was read, so the API server rejects it
 * if another client changed the configuration meanwhile.
 */
export function authoritiesPatch(
  { resourceVersion, webhooks }: WebhookTargets,
  authorities: readonly string[],
): object | undefined {
  const wanted = authorities.join('');
  const others = webhooks.filter((webhook) => webhook.authorities !== wanted);
  if (others.length === 0) return undefined;
  const caBundle = Buffer.from(wanted).toString('base64');
  return {
    metadata: { resourceVersion },
    webhooks: others.map(({ name }) => ({ name, clientConfig: { caBundle } })),
  };
}

function readWebhook(value: unknown): (WebhookTarget & { readonly host: string }) | undefined {
  const webhook = asMapping(value);
  const client = asMapping(webhook?.['clientConfig']);
  const [name, host] = [webhook?.['name'], hostOf(client)];
  if (typeof name !== 'string' || host === undefined) return undefined;
  const bundle = client?.['caBundle'];
  return {
    name,
    host,
    authorities: typeof bundle === 'string' ? Buffer.from(bundle, 'base64').toString() : '',
  };
}

/** Returns the host name that the API server verifies. For a Service it does not depend on the cluster's domain. */
function hostOf(client: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const service = asMapping(client?.['service']);
  const [name, namespace, url] = [service?.['name'], service?.['namespace'], client?.['url']];
  if (typeof name === 'string' && typeof namespace === 'string') return `${name}.${namespace}.svc`;
  return typeof url === 'string' ? URL.parse(url)?.hostname.replace(/^\[(.*)\]$/, '$1') : undefined;
}
