import type { Action } from './command.ts';
import { counted } from '../../text/counted.ts';
import { plainText } from '../../text/plain-text.ts';
import type { OtherVerdict, PathStep, Verdict, TrustedDomain } from '../../trust/verify/verdict.ts';
import { verifyLeaf } from '../../trust/verify/verify-leaf.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { FlagOptions } from '../flags/flags.ts';
import type { ServingOptions } from '../offline/offline-meshes.ts';
import { meshOfFiles, meshOfServers } from '../offline/one-mesh.ts';
import type { OneMesh } from '../offline/one-mesh.ts';
import type { CommandIo } from '../terminal/io.ts';
import { paint, renderTable, writeOutput } from '../terminal/output.ts';
import type { Column, TableStyle } from '../terminal/output.ts';
import { readPresented } from '../offline/read-presented.ts';
import { describeUnknownTrust } from '../offline/unknown-trust.ts';
import { serverAccess } from '../ask/server-options.ts';
import type { ServerOptions } from '../ask/server-options.ts';
import { say } from '../terminal/terminal.ts';
import { writeFindings } from '../terminal/write-findings.ts';
import type { MeshCertificates } from '../../api/certificate-api-types.ts';
import { decodePem } from '../../trust/pem/decode-pem.ts';

type VerifyOptions = FlagOptions<'leaf' | 'chain' | 'mesh' | 'output'> & ServingOptions & ServerOptions;

/** Prints whether proxies would accept a client, by which trust anchor, or why not. */
export const verify: Action<VerifyOptions> = async ({ operands: paths, options, io }) => {
  const { leaf, chain, output, mesh = options.defaultMesh } = options;
  if (leaf === undefined)
    throw new CommandError(exitCode.usage, 'the certificate of the client is missing: give --leaf FILE');
  const presented = await readPresented(leaf, chain, io);
  const source =
    paths.length > 0
      ? await meshOfFiles(paths, mesh, options, io)
      : meshOfServers(await serverAccess(options, io), mesh, io.signal);
  const certificates = await source.certificates();
  if (paths.length > 0) await reportErrors(source, io);
  const domains = trustedDomains(certificates);
  const verdict = verifyLeaf({ ...presented, domains, now: Date.now() });
  writeOutput(io, output, presentVerdict(mesh, certificates.version, verdict), (style) =>
    renderVerdict(verdict, style),
  );
  for (const subject of verdict.contested) say(io, plainText(describeContest(subject, verdict), lineLength));
  if (verdict.other !== undefined && verdict.uncertain !== true)
    say(io, plainText(describeOther(verdict.other), lineLength));
  const omitted = describeOmitted(certificates, verdict);
  if (omitted !== undefined) say(io, plainText(omitted, lineLength));
  return decisionOf(verdict) === 'admitted' ? exitCode.ok : exitCode.negative;
};

/** Writes the errors of the files: a certificate or a resource that they list is missing in the trust. */
async function reportErrors({ detail, refusals }: OneMesh, io: CommandIo): Promise<void> {
  const { findings } = await detail();
  writeFindings(
    io,
    findings.filter(({ severity }) => severity === 'error'),
  );
  if (refusals.length === 0) return;
  say(
    io,
    `note: ${describeUnknownTrust(refusals)}; a server that has a previous version of it keeps that, and may decide differently`,
  );
}

function decisionOf({ kind, uncertain }: Verdict): Verdict['kind'] | 'unknown' {
  return uncertain === true ? 'unknown' : kind;
}

function presentVerdict(mesh: string, version: string, verdict: Verdict): object {
  const { path, kind, ...rest } = verdict;
  const steps = path.map(presentStep);
  if (verdict.uncertain !== true) return { mesh, version, verdict: kind, ...rest, path: steps };
  // The other fields are about one of the anchors, which Envoy may not use: they would look like a decision.
  const { spiffeId, trustDomain, contested } = verdict;
  return { mesh, version, verdict: decisionOf(verdict), spiffeId, trustDomain, contested, path: steps };
}

function presentStep({ notBefore, notAfter, ...step }: PathStep): object {
  return {
    ...step,
    notBefore: new Date(notBefore).toISOString(),
    notAfter: new Date(notAfter).toISOString(),
  };
}

/** Maximum length of a line about a verdict. */
const lineLength = 2_000;

const columns: readonly Column<PathStep>[] = [
  { title: 'ROLE', value: ({ role }) => role },
  { title: 'FINGERPRINT', value: ({ fingerprint }) => fingerprint.slice(0, 16) },
  { title: 'FROM', value: ({ notBefore }) => dayOf(notBefore), wide: true },
  { title: 'UNTIL', value: ({ notAfter }) => dayOf(notAfter) },
  { title: 'ROOTING', value: ({ rooting }) => rooting ?? '', wide: true },
  { title: 'SUBJECT', value: ({ subject }) => subject },
  { title: 'ISSUER', value: ({ issuer }) => issuer, wide: true },
];

const tones = { admitted: 'good', refused: 'bad', unknown: 'warning' } as const;

function renderVerdict(verdict: Verdict, style: TableStyle): string {
  const line = plainText(describeVerdict(verdict), lineLength);
  const tone = tones[decisionOf(verdict)];
  const path = verdict.path.length === 0 ? '' : renderTable(columns, verdict.path, style);
  return `${paint(line, style.colour ? tone : undefined)}\n${path}`;
}

function describeVerdict(verdict: Verdict): string {
  if (verdict.uncertain === true) {
    const { spiffeId = 'the client', trustDomain = '' } = verdict;
    return `unknown: whether Envoy admits ${spiffeId} depends on which of several anchors of one name it uses, and trust domain ${trustDomain} has too many CA certificates to predict that`;
  }
  switch (verdict.kind) {
    case 'admitted':
      return `admitted: ${verdict.spiffeId}, by a CA certificate of trust domain ${verdict.trustDomain}`;
    case 'refused':
      return `refused: ${verdict.sentence} (${verdict.code})`;
  }
}

function describeContest(subject: string, { uncertain }: Verdict): string {
  const who = uncertain === true ? 'it' : 'Envoy 1.36';
  return `note: several anchors can be the issuer of ${subject}; Envoy tries only one, and ${who} may choose a different one than shown`;
}

function describeOther(other: OtherVerdict): string {
  const what = other.kind === 'admitted' ? 'admits' : 'refuses';
  const why = other.kind === 'admitted' ? '' : `: ${other.sentence} (${other.code})`;
  return `note: this is the decision of Envoy 1.40; Envoy ${other.envoy} ${what} this client${why}`;
}

/** Returns a note if CA certificates of the client's trust domain do not fit into the secret of the verdict. */
function describeOmitted({ trustDomains }: MeshCertificates, { trustDomain }: Verdict): string | undefined {
  const listed = trustDomains.find(({ name }) => name === trustDomain);
  if (listed?.inJointSecret === undefined) return undefined;
  const { length } = listed.anchors;
  const count = length - listed.inJointSecret.length;
  return `note: ${count} of ${counted(length, 'CA certificate')} of trust domain ${listed.name} do not fit into the secret of all trust domains, which decides here; the secret of the trust domain alone has all of them`;
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

/**
 * Returns the trust domains and anchors of the merged secret, by which proxies of a mesh validate clients, from the
 * answer of the admin API.
 */
export function trustedDomains({ trustDomains }: MeshCertificates): readonly TrustedDomain[] {
  return trustDomains.flatMap(({ name, anchors, inJointSecret, jointAnchors }) => {
    // A server of an earlier version has no `jointAnchors`.
    const kept = anchors.filter(({ fingerprint }) => inJointSecret?.includes(fingerprint) !== false);
    const present = jointAnchors ?? kept;
    // A trust domain without CA certificates is not in the secret.
    if (present.length === 0) return [];
    return [
      {
        name,
        anchors: present.flatMap(({ fingerprint, rooting, pem }) =>
          decodePem(pem).flatMap((block) =>
            block.kind === 'certificate' ? [{ fingerprint, rooting, der: block.der }] : [],
          ),
        ),
      },
    ];
  });
}
