import type { Command } from 'commander';
import { presentMesh } from '../admin/present-mesh.ts';
import { compareFindings, formatFinding } from '../findings/finding.ts';
import { allFindings } from '../snapshot/all-findings.ts';
import { createMeshBuilder } from '../snapshot/mesh-builder.ts';
import type { MeshState } from '../snapshot/mesh-builder.ts';
import { CommandError, exitCode } from './exit-code.ts';
import { flag } from './flags.ts';
import type { CommandIo } from './io.ts';
import { writeOutput } from './output.ts';
import type { OutputFormat } from './output.ts';
import { addReadingOptions, parseOptionsOf, policyOf } from './offline-options.ts';
import type { ReadingOptions } from './offline-options.ts';
import { readOffline } from './read-offline.ts';

interface BundleOptions extends ReadingOptions {
  readonly mesh?: string;
  readonly distrust?: string;
  readonly refuseIntermediates?: boolean;
  readonly rootTrustDomain?: string;
  readonly output: OutputFormat;
}

/** `meshtrust bundle`: what would be served from the files, on stdout. */
export function addBundleCommand(program: Command, io: CommandIo, done: (code: number) => void): void {
  const command = program
    .command('bundle')
    .description('print what would be served: trust domains, anchors, findings')
    .argument('<path...>', 'files or directories')
    .addOption(flag('mesh'))
    .addOption(flag('output'))
    .addOption(flag('distrust'))
    .addOption(flag('refuseIntermediates'))
    .addOption(flag('rootTrustDomain'));
  addReadingOptions(command).action(async (paths: string[], options: BundleOptions) => {
    const mesh = options.mesh ?? options.defaultMesh;
    const view = await readOffline(paths, parseOptionsOf(options), io.signal);
    const builder = createMeshBuilder(await policyOf(options), { rootTrustDomain: options.rootTrustDomain });
    const now = Date.now();
    const meshes = builder.build(view.holdings, now);
    const state = meshes.get(mesh);
    if (state === undefined) {
      const known = [...meshes.keys()].join(', ') || 'none';
      throw new CommandError(
        exitCode.negative,
        `nothing is listed for mesh ${mesh} (meshes: ${known}); its proxies would refuse every client`,
      );
    }
    const findings = allFindings(view.findings, new Map([[mesh, state]]), now).toSorted(compareFindings);
    const detail = presentMesh(state, { findings, held: [], proxies: 0, now: 0 });
    writeOutput(io, options.output, detail, () => {
      for (const finding of findings) io.stderr.write(`${finding.severity}: ${formatFinding(finding)}\n`);
      return renderMesh(state);
    });
    done(exitCode.ok);
  });
}

function renderMesh({ bundle, secrets }: MeshState): string {
  const lines = [
    `mesh ${bundle.mesh}, version ${secrets.version}${secrets.denyAll ? ', every client is refused' : ''}`,
  ];
  for (const { trustDomain, anchors } of bundle.bundles) {
    lines.push('', `trust domain ${trustDomain}`);
    for (const { certificate, rooting, listedBy } of anchors) {
      const until = new Date(certificate.notAfter).toISOString().slice(0, 10);
      const mark = rooting === 'as-listed' ? '' : ` (${rooting})`;
      lines.push(
        `  ${certificate.fingerprint.slice(0, 16)}  until ${until}  ${certificate.subject}${mark}  from ${listedBy.join(', ')}`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
}
