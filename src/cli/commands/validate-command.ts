import type { Action } from './command.ts';
import { presentFindings } from '../../api/present-mesh.ts';
import { compareFindings } from '../../trust/findings/finding.ts';
import type { Finding } from '../../trust/findings/finding.ts';
import { createMeshBuilder } from '../../trust/snapshot/mesh-builder.ts';
import { allFindings } from '../../trust/snapshot/all-findings.ts';
import { federatedKind } from '../../trust/model/parse-federated-trust-domain.ts';
import { counted } from '../../text/counted.ts';
import { describeKinds } from '../../trust/model/document-kind.ts';
import type { SourceStatus } from '../../trust/ledger/source-status.ts';
import { exitCode } from '../terminal/exit-code.ts';
import type { FlagOptions } from '../flags/flags.ts';
import { writeOutput } from '../terminal/output.ts';
import { policyOf, readingOf } from '../offline/offline-options.ts';
import type { ReadingOptions } from '../offline/offline-options.ts';
import { readOffline } from '../offline/read-offline.ts';
import { say, sayError } from '../terminal/terminal.ts';
import { findingLine } from '../terminal/write-findings.ts';

type ValidateOptions = FlagOptions<'distrust' | 'refuseIntermediates' | 'strict' | 'output'> & ReadingOptions;

/** Prints what `serve` would refuse or warn about, one line per finding. */
export const validate: Action<ValidateOptions> = async ({ operands: paths, options, io }) => {
  const reading = readingOf(options);
  const view = await readOffline(paths, reading, io);
  const { policy, findingsOf } = await policyOf(options);
  const now = Date.now();
  const meshes = createMeshBuilder(policy).build(view.holdings, now);
  const findings = allFindings([...view.findings, ...findingsOf(meshes)], meshes, now).toSorted(
    compareFindings,
  );
  writeOutput(io, options.output, presentFindings(findings), ({ colour }) =>
    findings.map((finding) => `${findingLine(finding, colour)}\n`).join(''),
  );
  const count = (of: (source: SourceStatus) => number): number =>
    view.sources.reduce((sum, source) => sum + of(source), 0);
  const accepted = count((source) => source.accepted);
  const federated = count(({ otherKinds }) => otherKinds.get(federatedKind) ?? 0);
  if (federated > 0) say(io, `${counted(federated, federatedKind)} checked`);
  // MeshIdentities have their CA certificates from Secrets.
  const read = new Set([federatedKind, ...(reading.identities === undefined ? [] : ['Secret'])]);
  for (const { otherKinds } of view.sources) {
    const skipped = new Map([...otherKinds].filter(([kind]) => !read.has(kind)));
    if (skipped.size > 0) say(io, `skipped documents of other kinds: ${describeKinds(skipped)}`);
  }
  // A path without any MeshTrust is more often a mistake than intended.
  const identities = reading.identities?.view().length ?? 0;
  const isNothing = accepted + count((source) => source.rejected) + identities + federated === 0;
  if (isNothing) sayError(io, `${paths.join(' ')}: no MeshTrust found`);
  say(io, summary(accepted, findings));
  return isNothing || isNegative(findings, options.strict ?? false) ? exitCode.negative : exitCode.ok;
};

function isNegative(findings: readonly Finding[], strict: boolean): boolean {
  return findings.some(({ severity }) => severity === 'error' || (strict && severity !== 'info'));
}

function summary(accepted: number, findings: readonly Finding[]): string {
  const count = (severity: Finding['severity']): number =>
    findings.filter((finding) => finding.severity === severity).length;
  const [errors, warnings, notes] = [
    counted(count('error'), 'error'),
    counted(count('warning'), 'warning'),
    counted(count('info'), 'note'),
  ];
  return `${counted(accepted, 'MeshTrust')} accepted; ${errors}, ${warnings}, ${notes}`;
}
