import { isMapping } from '../../text/json.ts';
import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import { readBundleDocument } from './bundle-document.ts';
import type { BundleDocument } from './bundle-document.ts';
import type { EndpointProfile, ParsedFederatedTrustDomain } from './federated-trust-domain.ts';
import { meshLabel } from './known-fields.ts';
import type { TrustDomain } from './mesh-trust.ts';
import { placeOf } from './parse-context.ts';
import type { ParseContext } from './parse-context.ts';
import { readName } from './read-header.ts';
import type { Path } from './read-yaml.ts';
import { parseSpiffeId } from './spiffe-id.ts';
import { parseTrustDomain } from './trust-domain.ts';
import { collectViolations, maxFindings, requireMapping } from './violations.ts';
import type { Report } from './violations.ts';

type Body = Readonly<Record<string, unknown>>;

const group = 'spire.spiffe.io';
/** The kind of the resource. */
export const federatedKind = 'ClusterFederatedTrustDomain';
/** The meshes of a ClusterFederatedTrustDomain, separated by commas. A label can name only one. */
const meshesAnnotation = 'meshtrust.io/meshes';

/** True for a document that is meant as a ClusterFederatedTrustDomain. */
export function isFederatedTrustDomain(value: unknown): value is Body {
  if (!isMapping(value)) return false;
  const { kind, apiVersion } = value;
  return kind === federatedKind && typeof apiVersion === 'string' && apiVersion.startsWith(`${group}/`);
}

/**
 * Parses one ClusterFederatedTrustDomain (spire-controller-manager, `ParseClusterFederatedTrustDomainSpec`). Reports
 * all violations at once, each with its path. Names are as strict as in a MeshTrust.
 */
export function parseFederatedTrustDomain(
  body: Body,
  root: Path,
  context: ParseContext,
): ParsedFederatedTrustDomain {
  const { findings, report } = collectViolations(root, context);
  if (body['apiVersion'] !== `${group}/v1alpha1`) report(['apiVersion'], `must be '${group}/v1alpha1'`);
  const metadata = requireMapping(body['metadata'], ['metadata'], report);
  const name = metadata && readName(metadata['name'], ['metadata', 'name'], report);
  const meshes = metadata && readMeshes(metadata, context, report);
  const spec = requireMapping(body['spec'], ['spec'], report);
  const trustDomain = spec && readTrustDomain(spec['trustDomain'], ['spec', 'trustDomain'], report);
  const url = spec && readUrl(spec['bundleEndpointURL'], ['spec', 'bundleEndpointURL'], report);
  const profile = spec && readProfile(spec, report);
  const className = spec && readText(spec['className'], ['spec', 'className'], report);
  const bootstrap = spec && readBootstrap(spec['trustDomainBundle'], ['spec', 'trustDomainBundle'], report);
  if (
    name === undefined ||
    meshes === undefined ||
    trustDomain === undefined ||
    url === undefined ||
    profile === undefined ||
    findings.length > 0
  )
    return { kind: 'invalid', name, findings: findings.map((item) => ({ ...item, resource: name })) };
  const place = { ...placeOf(context, root), resource: name };
  return {
    kind: 'federated',
    resource: { name, meshes, trustDomain, url, profile, bootstrap, className, place },
  };
}

/** Returns the findings about a ClusterFederatedTrustDomain: its violations, or the unusable keys of its bundle. */
export function remarksOf(parsed: ParsedFederatedTrustDomain): readonly Finding[] {
  if (parsed.kind === 'invalid') return parsed.findings;
  const { bootstrap, place } = parsed.resource;
  return (bootstrap?.remarks ?? [])
    .slice(0, maxFindings)
    .map(({ key, reason }) =>
      finding('MT084', `the trustDomainBundle has a bad key: key ${key + 1} ${reason}`, place),
    );
}

function readMeshes(metadata: Body, context: ParseContext, report: Report): readonly string[] | undefined {
  const labels = isMapping(metadata['labels']) ? metadata['labels'] : {};
  const annotations = isMapping(metadata['annotations']) ? metadata['annotations'] : {};
  const label = labels[meshLabel];
  if (label != null) {
    const mesh = readName(label, ['metadata', 'labels', meshLabel], report);
    return mesh === undefined ? undefined : [mesh];
  }
  const list = annotations[meshesAnnotation];
  if (list == null) return [context.defaultMesh];
  const path = ['metadata', 'annotations', meshesAnnotation];
  if (typeof list !== 'string') return report(path, 'must be a string');
  const meshes = list.split(',').map((mesh) => readName(mesh.trim(), path, report));
  return meshes.every((mesh) => mesh !== undefined) ? [...new Set(meshes)] : undefined;
}

function readTrustDomain(value: unknown, path: Path, report: Report): TrustDomain | undefined {
  if (value == null) return report(path, 'is required');
  if (typeof value !== 'string') return report(path, 'must be a string');
  const parsed = parseTrustDomain(value);
  return parsed.kind === 'trust-domain' ? parsed.name : report(path, parsed.reason, 'MT008');
}

function readUrl(value: unknown, path: Path, report: Report): string | undefined {
  if (value == null) return report(path, 'is required');
  const reason = typeof value === 'string' ? endpointUrlProblem(value) : 'must be a string';
  return reason === undefined ? (value as string) : report(path, reason);
}

/** Returns why a text is not the URL of a bundle endpoint (SPIFFE Federation, section 5.2.1.1), or `undefined`. */
export function endpointUrlProblem(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null) return 'must be a URL';
  if (url.protocol !== 'https:') return 'must begin with https://';
  if (url.username !== '' || url.password !== '') return 'must not have user information';
  return undefined;
}

function readProfile(spec: Body, report: Report): EndpointProfile | undefined {
  const path = ['spec', 'bundleEndpointProfile'];
  const profile = requireMapping(spec['bundleEndpointProfile'], path, report);
  if (profile === undefined) return undefined;
  const { type, endpointSPIFFEID: id } = profile;
  const at = [...path, 'endpointSPIFFEID'];
  switch (type) {
    case 'https_web':
      return id == null ? { kind: 'https_web' } : report(at, 'must be absent with https_web');
    case 'https_spiffe': {
      if (id == null) return report(at, 'is required with https_spiffe');
      const parsed = typeof id === 'string' ? parseSpiffeId(id) : 'must be a string';
      return typeof parsed === 'string' ? report(at, parsed) : { kind: 'https_spiffe', ...parsed };
    }
    default:
      return report(
        [...path, 'type'],
        type == null ? 'is required' : "must be 'https_web' or 'https_spiffe'",
      );
  }
}

function readText(value: unknown, path: Path, report: Report): string | undefined {
  if (value == null || value === '') return undefined;
  return typeof value === 'string' ? value : report(path, 'must be a string');
}

function readBootstrap(value: unknown, path: Path, report: Report): BundleDocument | undefined {
  if (value == null || value === '') return undefined;
  if (typeof value !== 'string') return report(path, 'must be a string');
  if (value.includes('-----BEGIN')) return report(path, 'must be a SPIFFE bundle (JSON), not PEM');
  const reading = readBundleDocument(value);
  if (reading.kind === 'refused') return report(path, `${reading.reason}, but must be a SPIFFE bundle`);
  if (reading.document.certificates.length === 0) return report(path, 'has no key for X.509-SVIDs');
  return reading.document;
}
