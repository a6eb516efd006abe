import { asMapping, resourceVersionOf } from '../../client/api-object.ts';

/** What a ValidatingWebhookConfiguration says about where its webhooks are. */
export interface WebhookTargets {
  readonly resourceVersion: string;
  /** Names that their certificate must have: those of Services, or hosts of URLs. */
  readonly names: readonly string[];
  readonly webhooks: readonly WebhookTarget[];
}

export interface WebhookTarget {
  readonly name: string;
  /** PEM of the authorities that the API server trusts; empty where it has none yet. */
  readonly authorities: string;
}

/** Reads a configuration; undefined where it has no webhook. */
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
 * The strategic merge patch by which every webhook trusts these authorities and no others; undefined where they do
 * already. It names the version that was read: whoever read it before another change must read it again.
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

/** The API server asks a Service by this name, whatever the domain of the cluster is. */
function hostOf(client: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const service = asMapping(client?.['service']);
  const [name, namespace, url] = [service?.['name'], service?.['namespace'], client?.['url']];
  if (typeof name === 'string' && typeof namespace === 'string') return `${name}.${namespace}.svc`;
  return typeof url === 'string' ? URL.parse(url)?.hostname.replace(/^\[(.*)\]$/, '$1') : undefined;
}
