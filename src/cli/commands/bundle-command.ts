import type { Command } from 'commander';
import type { MeshCertificates } from '../../api/certificate-api-types.ts';
import type { MeshDetail } from '../../api/api-types.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import { flag } from '../flags/flags.ts';
import type { FlagOptions } from '../flags/flags.ts';
import type { CommandIo } from '../terminal/io.ts';
import { addServingOptions } from '../offline/offline-meshes.ts';
import type { ServingOptions } from '../offline/offline-meshes.ts';
import { toJson, writeOutput } from '../terminal/output.ts';
import { meshOfFiles, meshOfServers } from '../offline/one-mesh.ts';
import { addServerOptions, serverAccess } from '../ask/server-options.ts';
import type { ServerOptions } from '../ask/server-options.ts';
import { spiffeBundle, spiffeBundleMap, withoutJwk } from '../offline/spiffe-bundle.ts';
import { writeFindings } from '../terminal/write-findings.ts';
import { say } from '../terminal/terminal.ts';

/** What `--format` takes. */
type CertificateFormat = 'pem' | 'json' | 'spiffe';

type BundleOptions = FlagOptions<'mesh' | 'trustDomain' | 'format' | 'sequence' | 'refreshHint' | 'output'> &
  ServingOptions &
  ServerOptions;

/** `meshtrust bundle`: what is served, or would be from files; for people, or as certificates. */
export function addBundleCommand(program: Command, io: CommandIo, done: (code: number) => void): void {
  const command = program
    .command('bundle')
    .description('print what would be served from files, or is by a server: trust domains, anchors, findings')
    .argument(
      '[path...]',
      'files or directories (- for the standard input); without one, a running server is asked',
    )
    .addOption(flag('mesh'))
    .addOption(flag('trustDomain'))
    .addOption(flag('format'))
    .addOption(flag('sequence'))
    .addOption(flag('refreshHint'))
    .addOption(flag('output'));
  addServerOptions(addServingOptions(command)).action(async (paths: string[], options: BundleOptions) => {
    if (options.format !== undefined && command.getOptionValueSource('output') === 'cli') {
      throw new CommandError(
        exitCode.usage,
        'give --format or --output: certificates have formats of their own',
      );
    }
    const mesh = options.mesh ?? options.defaultMesh;
    const source =
      paths.length > 0
        ? await meshOfFiles(paths, mesh, options, io)
        : meshOfServers(await serverAccess(options, io), mesh, io.signal);
    if (options.format === undefined) {
      const detail = only(await source.detail(), options.trustDomain);
      writeOutput(io, options.output, detail, (_, plain) => {
        writeFindings(io, plain.findings);
        return renderMesh(plain);
      });
    } else {
      const certificates = only(await source.certificates(), options.trustDomain);
      const { findings } = await source.detail();
      writeFindings(
        io,
        findings.filter(({ severity }) => severity === 'error'),
      );
      const sequence =
        options.sequence ??
        (options.format === 'spiffe' ? await source.sequence(certificates.version) : undefined);
      io.stdout.write(formatCertificates(certificates, options.format, { ...options, sequence }));
      say(io, talkOf(certificates));
      const left = options.format === 'spiffe' ? withoutJwk(certificates) : 0;
      if (left > 0) say(io, `warning: ${left} with a P-224 key left out: JWK (RFC 7518) has no such curve`);
    }
    done(exitCode.ok);
  });
}

/** One trust domain of a mesh, or all of them. */
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
      // An authority that two trust domains share is one certificate here.
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

/** PEM and bundles do not say what they are of. */
function talkOf({ name, version, trustDomains }: MeshCertificates): string {
  const reissued = trustDomains
    .flatMap(({ anchors }) => anchors)
    .filter(({ rooting }) => rooting !== 'as-listed').length;
  const names = trustDomains.map((domain) => domain.name).join(', ') || 'no trust domain';
  const note = reissued === 0 ? '' : `; ${reissued} in self-issued form, as proxies get them`;
  return `mesh ${name}, version ${version}: ${names}${note}`;
}

function renderMesh({ name, version, denyAll, trustDomains }: MeshDetail): string {
  const lines = [`mesh ${name}, version ${version}${denyAll ? ', every client is refused' : ''}`];
  for (const domain of trustDomains) {
    lines.push('', `trust domain ${domain.name}`);
    for (const { fingerprint, notAfter, subject, rooting, resources } of domain.anchors) {
      const mark = rooting === 'as-listed' ? '' : ` (${rooting})`;
      lines.push(
        `  ${fingerprint.slice(0, 16)}  until ${notAfter.slice(0, 10)}  ${subject}${mark}  from ${resources.join(', ')}`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
}
