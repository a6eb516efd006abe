import type { Action } from './command.ts';
import type { MeshCertificates } from '../../api/certificate-api-types.ts';
import type { MeshDetail } from '../../api/api-types.ts';
import { counted } from '../../text/counted.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { FlagOptions } from '../flags/flags.ts';
import type { ServingOptions } from '../offline/offline-meshes.ts';
import { toJson, writeOutput } from '../terminal/output.ts';
import { meshOfFiles, meshOfServers, nameSome, requireComplete } from '../offline/one-mesh.ts';
import type { OneMesh } from '../offline/one-mesh.ts';
import { serverAccess } from '../ask/server-options.ts';
import type { ServerOptions } from '../ask/server-options.ts';
import { spiffeBundle, spiffeBundleMap, withoutJwk } from '../../api/spiffe-bundle.ts';
import { writeFindings } from '../terminal/write-findings.ts';
import { say } from '../terminal/terminal.ts';

/** Values of `--format`. */
type CertificateFormat = 'pem' | 'json' | 'spiffe';

type BundleOptions = FlagOptions<'mesh' | 'trustDomain' | 'format' | 'sequence' | 'refreshHint' | 'output'> &
  ServingOptions &
  ServerOptions;

/** Prints the trust bundles of a mesh: as a server serves them, or as it would serve them from the given files. */
export const bundle: Action<BundleOptions> = async ({ operands: paths, options, io, isGiven }) => {
  if (options.format !== undefined && isGiven('output')) {
    throw new CommandError(
      exitCode.usage,
      '--format and --output cannot be combined: --format prints certificates',
    );
  }
  const wanted = options.mesh ?? options.defaultMesh;
  // PEM and SPIFFE bundles do not name their mesh: a program that reads them must not get another mesh than it expects.
  const orOnly = options.mesh === undefined && options.format === undefined;
  const source =
    paths.length > 0
      ? await meshOfFiles(paths, wanted, options, io, orOnly)
      : meshOfServers(await serverAccess(options, io), wanted, io.signal);
  // This note is printed in every format, on stderr: the data on stdout describes one mesh.
  const others = isGiven('mesh') ? [] : await source.others();
  if (others.length > 0) say(io, `showing mesh ${source.name}; other meshes (--mesh): ${nameSome(others)}`);
  if (source.name !== wanted) say(io, `showing mesh ${source.name}, the only one that is listed`);
  if (options.format === undefined) {
    const detail = only(await source.detail(), options.trustDomain);
    writeOutput(io, options.output, detail, ({ wide }, plain) => {
      writeFindings(io, plain.findings);
      return renderMesh(plain, wide);
    });
  } else {
    requireComplete(source, io);
    const all = await source.certificates();
    await requireKnown(source, all, options.trustDomain);
    const certificates = only(all, options.trustDomain);
    if (options.format === 'pem') requireCas(certificates, options.trustDomain, paths.length > 0);
    const { findings } = await source.detail();
    writeFindings(
      io,
      findings.filter(({ severity }) => severity === 'error'),
    );
    const sequence =
      options.sequence ??
      (options.format === 'spiffe' ? await source.sequence(certificates.version) : undefined);
    io.stdout.write(formatCertificates(certificates, options.format, { ...options, sequence }));
    say(io, summaryOf(certificates));
    const omitted = options.format === 'spiffe' ? withoutJwk(certificates) : 0;
    if (omitted > 0)
      say(
        io,
        `warning: ${counted(omitted, 'CA certificate')} with a P-224 key omitted: JWK (RFC 7518) does not define that curve`,
      );
  }
  return exitCode.ok;
};

/**
 * Returns the mesh with only the given trust domain, or unchanged if none is given.
 * @throws {CommandError} (negative) if the mesh does not have the trust domain.
 */
function only<Mesh extends MeshDetail | MeshCertificates>(mesh: Mesh, trustDomain: string | undefined): Mesh {
  if (trustDomain === undefined) return mesh;
  const trustDomains = mesh.trustDomains.filter(({ name }) => name === trustDomain);
  if (trustDomains.length > 0) return { ...mesh, trustDomains };
  const known = mesh.trustDomains.map(({ name }) => name).join(', ') || 'none';
  throw new CommandError(
    exitCode.negative,
    `mesh ${mesh.name} does not list trust domain ${trustDomain} (trust domains: ${known})`,
  );
}

/**
 * Throws if the given trust domain, or one of all listed ones, has no CA in force and may list one that was not read,
 * or is damaged. Output without it that replaces an earlier one would withdraw its trust.
 * @throws {CommandError} (negative)
 */
async function requireKnown(
  source: OneMesh,
  { name, trustDomains }: MeshCertificates,
  trustDomain: string | undefined,
): Promise<void> {
  const names = trustDomain === undefined ? trustDomains.map((domain) => domain.name) : [trustDomain];
  const withCas = new Set(trustDomains.flatMap((domain) => (domain.anchors.length > 0 ? domain.name : [])));
  for (const domain of names) {
    const doubt = withCas.has(domain) ? undefined : await source.doubt(domain);
    if (doubt === undefined) continue;
    throw new CommandError(
      exitCode.negative,
      `mesh ${name} has no CA in force of trust domain ${domain}, and may list one: ${doubt}`,
    );
  }
}

/**
 * A PEM file without a certificate is an error for programs that read it, or leaves them with the file that they read
 * before. An empty SPIFFE bundle has a meaning: no key is trusted any more. Of a whole mesh, a server may not have read
 * a trust domain that an earlier file has.
 * @throws {CommandError} (negative) if no CA certificate is in force.
 */
function requireCas(
  { name, trustDomains }: MeshCertificates,
  trustDomain: string | undefined,
  isOfFiles: boolean,
): void {
  if (trustDomains.some(({ anchors }) => anchors.length > 0)) return;
  const of = trustDomain === undefined ? '' : ` of trust domain ${trustDomain}`;
  const isKnown = trustDomain !== undefined || isOfFiles;
  throw new CommandError(
    exitCode.negative,
    isKnown
      ? `mesh ${name} has no CA in force${of}: remove its earlier PEM file, which is out of date`
      : `mesh ${name} has no CA in force; give --trust-domain to learn whether a PEM file of it is out of date`,
  );
}

function formatCertificates(
  certificates: MeshCertificates,
  format: CertificateFormat,
  {
    trustDomain,
    sequence,
    refreshHint,
  }: Pick<BundleOptions, 'trustDomain' | 'refreshHint'> & { readonly sequence: number | undefined },
): string {
  switch (format) {
    case 'pem': {
      const pems = certificates.trustDomains.flatMap(({ anchors }) => anchors.map(({ pem }) => pem));
      // A CA certificate that several trust domains share is printed once.
      return [...new Set(pems)].join('');
    }
    case 'json':
      return toJson(certificates);
    case 'spiffe': {
      const hints = { sequence, refreshSeconds: Math.ceil(refreshHint / 1000) };
      const [domain] = certificates.trustDomains;
      return toJson(
        trustDomain === undefined || domain === undefined
          ? spiffeBundleMap(certificates, hints)
          : spiffeBundle(domain, hints),
      );
    }
  }
}

/** Describes the printed certificates, because PEM and SPIFFE bundles do not name their mesh. */
function summaryOf({ name, version, trustDomains }: MeshCertificates): string {
  const reissued = trustDomains
    .flatMap(({ anchors }) => anchors)
    .filter(({ rooting }) => rooting !== 'as-listed').length;
  const names = trustDomains.map((domain) => domain.name).join(', ') || 'no trust domain';
  const note = reissued === 0 ? '' : `; ${reissued} in self-issued form, as proxies receive them`;
  return `mesh ${name}, version ${version}: ${names}${note}`;
}

/** Renders a mesh as text. `wide` prints full fingerprints, and the hashes of the keys. */
function renderMesh({ name, version, denyAll, trustDomains }: MeshDetail, wide: boolean): string {
  const lines = [
    `mesh ${name}, version ${version}${denyAll ? ': no CA certificate, proxies refuse every client' : ''}`,
  ];
  for (const domain of trustDomains) {
    lines.push('', `trust domain ${domain.name}`);
    for (const { fingerprint, keyHash, notAfter, subject, rooting, resources } of domain.anchors) {
      const mark = rooting === 'as-listed' ? '' : ` (${rooting})`;
      lines.push(
        `  ${wide ? fingerprint : fingerprint.slice(0, 16)}  until ${notAfter.slice(0, 10)}  ${subject}${mark}  from ${resources.join(', ')}${wide ? `  key ${keyHash}` : ''}`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
}
