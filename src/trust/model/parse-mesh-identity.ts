import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import { parseGoDuration } from './duration.ts';
import { meshLabel } from './known-fields.ts';
import { defaultLeafLifetimeMs, defaultTrustDomainTemplate } from './mesh-identity.ts';
import type { CaSource, IdentityProvider, ParsedIdentity } from './mesh-identity.ts';
import { identityOf } from './mesh-trust.ts';
import type { Identity } from './mesh-trust.ts';
import { placeOf } from './parse-context.ts';
import type { ParseContext } from './parse-context.ts';
import { readBlocks } from './read-blocks.ts';
import { readHeader } from './read-header.ts';
import type { Path } from './read-yaml.ts';
import { isMapping } from '../../text/json.ts';
import { collectViolations, requireMapping } from './violations.ts';
import type { Report } from './violations.ts';

type Body = Readonly<Record<string, unknown>>;

/** The context that the parts of the parser share. */
interface Input {
  readonly root: Path;
  readonly identity: Identity | undefined;
  readonly context: ParseContext;
  readonly report: Report;
  /** Findings that do not make the resource invalid. */
  readonly remarks: Finding[];
}

/**
 * Parses one MeshIdentity in either form. Reports all violations at once, each with its path. It looks at the field of
 * the private key only to see whether a key is there, and takes nothing from it.
 */
export function parseMeshIdentity(
  form: 'kubernetes' | 'universal',
  body: Body,
  root: Path,
  context: ParseContext,
): ParsedIdentity {
  const { findings, report } = collectViolations(root, context);
  const header = readHeader(form, body, context, report);
  const identity = header && identityOf(header.mesh, header.namespace, header.name);
  const remarks: Finding[] = [];
  const labels = readLabels(form, body, report);
  const spec = body['spec'] == null ? {} : requireMapping(body['spec'], ['spec'], report);
  const template = spec && readTemplate(spec, report);
  const provider = spec && readProvider(spec, { root, identity, context, report, remarks });
  if (
    header === undefined ||
    identity === undefined ||
    template === undefined ||
    provider === undefined ||
    findings.length > 0
  )
    return { kind: 'invalid', identity, findings: findings.map((item) => ({ ...item, resource: identity })) };
  const place = { ...placeOf(context, root), resource: identity };
  return {
    kind: 'mesh-identity',
    resource: {
      ...header,
      identity,
      displayName: displayNameOf(form, body, labels) ?? header.name,
      labels,
      trustDomainTemplate: template,
      pinnedTrustDomain: pinnedTrustDomainOf(body),
      provider: provider.provider,
      providerFailure: providerFailureOf(body),
      leafLifetimeMs: provider.leafLifetimeMs,
      place,
      remarks: remarks.map((item) => ({ ...item, resource: identity })),
    },
  };
}

/** Returns the labels that are texts. The mesh of the Universal form is a field; Kuma makes a label of it. */
function readLabels(
  form: 'kubernetes' | 'universal',
  body: Body,
  report: Report,
): Readonly<Record<string, string>> {
  const [holder, path] =
    form === 'kubernetes'
      ? [isMapping(body['metadata']) ? body['metadata'] : {}, ['metadata', 'labels']]
      : [body, ['labels']];
  const labels = holder['labels'] == null ? {} : (requireMapping(holder['labels'], path, report) ?? {});
  const texts = Object.entries(labels).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  const { mesh } = body;
  const ofMesh = form === 'universal' && typeof mesh === 'string' ? [[meshLabel, mesh] as const] : [];
  return Object.fromEntries([...ofMesh, ...texts]);
}

/** Kuma keeps the display name in an annotation on Kubernetes, and in a label elsewhere. */
function displayNameOf(
  form: 'kubernetes' | 'universal',
  body: Body,
  labels: Readonly<Record<string, string>>,
): string | undefined {
  const metadata = form === 'kubernetes' && isMapping(body['metadata']) ? body['metadata'] : {};
  const annotations = isMapping(metadata['annotations']) ? metadata['annotations'] : {};
  const name = annotations['kuma.io/display-name'] ?? labels['kuma.io/display-name'];
  return typeof name === 'string' && name !== '' ? name : undefined;
}

function readTemplate(spec: Body, report: Report): string | undefined {
  if (spec['spiffeID'] == null) return defaultTrustDomainTemplate;
  const path = ['spec', 'spiffeID'];
  const template = requireMapping(spec['spiffeID'], path, report)?.['trustDomain'];
  if (template == null) return defaultTrustDomainTemplate;
  return typeof template === 'string' ? template : report([...path, 'trustDomain'], 'must be a string');
}

function readProvider(
  spec: Body,
  input: Input,
): { readonly provider: IdentityProvider; readonly leafLifetimeMs: number } | undefined {
  const { report } = input;
  if (spec['provider'] == null) return without('the resource has no provider: it only sets SPIFFE IDs');
  const path = ['spec', 'provider'];
  const provider = requireMapping(spec['provider'], path, report);
  if (provider === undefined) return undefined;
  const { type } = provider;
  if (type == null) return report([...path, 'type'], 'is required');
  if (typeof type !== 'string') return report([...path, 'type'], 'must be a string');
  switch (type) {
    case 'Bundled':
      return readBundled(provider['bundled'], [...path, 'bundled'], input);
    case 'Spire':
      return without('its provider is SPIRE: trust comes from the SPIRE agent');
    case 'Extension':
      return without(`its provider is an extension${nameOfExtension(provider['extension'])}`);
    default:
      // Other products have more providers; the rest of the file still counts.
      return without('its provider is of a type that this version does not know');
  }
}

function without(reason: string): { provider: IdentityProvider; leafLifetimeMs: number } {
  return { provider: { kind: 'none', reason }, leafLifetimeMs: defaultLeafLifetimeMs };
}

function nameOfExtension(extension: unknown): string {
  const name = isMapping(extension) ? extension['name'] : undefined;
  return typeof name === 'string' && /^[\w.-]{1,63}$/.test(name) ? ` (${name})` : '';
}

function readBundled(
  value: unknown,
  path: Path,
  input: Input,
): { readonly provider: IdentityProvider; readonly leafLifetimeMs: number } | undefined {
  const { report } = input;
  const bundled = requireMapping(value, path, report);
  if (bundled === undefined) return undefined;
  const creation = bundled['meshTrustCreation'] ?? 'Enabled';
  if (creation !== 'Enabled' && creation !== 'Disabled')
    report([...path, 'meshTrustCreation'], "must be 'Enabled' or 'Disabled'");
  const allowsSelfSigned = readFlag(bundled, 'insecureAllowSelfSigned', path, report);
  const leafLifetimeMs = readExpiry(
    bundled['certificateParameters'],
    [...path, 'certificateParameters'],
    report,
  );
  const automatic =
    bundled['autogenerate'] == null
      ? false
      : isAutomatic(bundled['autogenerate'], [...path, 'autogenerate'], report);
  const ca = bundled['ca'] == null ? undefined : requireMapping(bundled['ca'], [...path, 'ca'], report);
  if (automatic && bundled['ca'] != null)
    report([...path, 'ca'], 'must be absent if autogenerate is enabled');
  if (!automatic && bundled['ca'] == null) report([...path, 'ca'], 'is required without autogenerate');
  const source = ca && readCa(ca, [...path, 'ca'], input);
  if (creation === 'Disabled') return { ...without('meshTrustCreation is Disabled'), leafLifetimeMs };
  if (automatic) return { provider: { kind: 'autogenerate', allowsSelfSigned }, leafLifetimeMs };
  if (source === undefined) return undefined;
  const at = [...input.root, ...path, 'ca', 'certificate'];
  const place = { ...placeOf(input.context, at), resource: input.identity };
  return { provider: { kind: 'ca', allowsSelfSigned, source, place }, leafLifetimeMs };
}

function readFlag(holder: Body, key: string, path: Path, report: Report): boolean {
  const value = holder[key] ?? false;
  if (typeof value !== 'boolean') report([...path, key], 'must be true or false');
  return value === true;
}

function isAutomatic(value: unknown, path: Path, report: Report): boolean {
  const autogenerate = requireMapping(value, path, report);
  return autogenerate !== undefined && readFlag(autogenerate, 'enabled', path, report);
}

function readExpiry(value: unknown, path: Path, report: Report): number {
  if (value == null) return defaultLeafLifetimeMs;
  const expiry = requireMapping(value, path, report)?.['expiry'];
  if (expiry == null) return defaultLeafLifetimeMs;
  const milliseconds = typeof expiry === 'string' ? parseGoDuration(expiry) : undefined;
  if (milliseconds === undefined) report([...path, 'expiry'], "must be a duration, such as '24h'");
  else if (milliseconds < 0) report([...path, 'expiry'], 'must not be negative');
  // Kuma takes a lifetime of zero for none.
  return milliseconds === undefined || milliseconds <= 0 ? defaultLeafLifetimeMs : milliseconds;
}

function readCa(ca: Body, path: Path, input: Input): CaSource | undefined {
  const { report, remarks, root, context } = input;
  const key = isMapping(ca['privateKey']) ? ca['privateKey'] : {};
  if (isMapping(key['insecureInline']) && key['insecureInline']['value'] != null)
    remarks.push(
      finding(
        'MT075',
        'the resource contains a private key, which this program does not need; anyone who can read the resource can issue certificates',
        placeOf(context, [...root, ...path, 'privateKey', 'insecureInline', 'value']),
      ),
    );
  const at = [...path, 'certificate'];
  const certificate = requireMapping(ca['certificate'], at, report);
  return certificate && readDataSource(certificate, key, at, input);
}

/** Reads where the certificate is (`SecureDataSource` of Kuma). */
function readDataSource(source: Body, key: Body, path: Path, input: Input): CaSource | undefined {
  const { report } = input;
  const text = (section: string, field: string): string | undefined => {
    const value = requireMapping(source[section], [...path, section], report)?.[field];
    if (typeof value === 'string' && value !== '') return value;
    if (isMapping(source[section]))
      report([...path, section, field], value == null || value === '' ? 'is required' : 'must be a string');
    return undefined;
  };
  const isSame = (section: string, field: string, value: string): boolean =>
    key['type'] === source['type'] && isMapping(key[section]) && key[section][field] === value;
  switch (source['type']) {
    case 'InsecureInline': {
      const value = text('insecureInline', 'value');
      const at = [...input.root, ...path, 'insecureInline', 'value'];
      return value === undefined
        ? undefined
        : { kind: 'inline', blocks: readBlocks(value, at, input.identity, input.context) };
    }
    case 'Secret': {
      const name = text('secretRef', 'name');
      if (name === undefined) return undefined;
      return isSame('secretRef', 'name', name) ? { kind: 'beside-key' } : { kind: 'secret', name };
    }
    case 'File': {
      const file = text('file', 'path');
      if (file === undefined) return undefined;
      return isSame('file', 'path', file) ? { kind: 'beside-key' } : { kind: 'file', path: file };
    }
    case 'EnvVar':
      return { kind: 'variable' };
    default:
      return report(
        [...path, 'type'],
        source['type'] == null ? 'is required' : "must be 'InsecureInline', 'Secret', 'File' or 'EnvVar'",
      );
  }
}

function pinnedTrustDomainOf({ status }: Body): string | undefined {
  const pinned = isMapping(status) ? status['trustDomain'] : undefined;
  return typeof pinned === 'string' && pinned !== '' ? pinned : undefined;
}

/** Returns the reason of the condition `Provider` if it is False. Its message may repeat content, so it is left out. */
function providerFailureOf({ status }: Body): string | undefined {
  const conditions: unknown = isMapping(status) ? status['conditions'] : undefined;
  if (!Array.isArray(conditions)) return undefined;
  const condition: unknown = conditions.find((item) => isMapping(item) && item['type'] === 'Provider');
  if (!isMapping(condition) || condition['status'] !== 'False') return undefined;
  const { reason } = condition;
  return typeof reason === 'string' && /^\w{1,63}$/.test(reason) ? reason : 'without a reason';
}
