import type { Command } from 'commander';
import { presentMesh } from '../admin/present-mesh.ts';
import { compareFindings, formatFinding } from '../findings/finding.ts';
import type { MeshState } from '../snapshot/mesh-builder.ts';
import { CommandError, exitCode } from './exit-code.ts';
import { flag } from './flags.ts';
import type { CommandIo } from './io.ts';
import { addServingOptions, buildOffline } from './offline-meshes.ts';
import type { ServingOptions } from './offline-meshes.ts';
import { writeOutput } from './output.ts';
import type { OutputFormat } from './output.ts';

interface BundleOptions extends ServingOptions {
  readonly mesh?: string;
  readonly output: OutputFormat;
}

/** `meshtrust bundle`: what would be served from the files, on stdout. */
export function addBundleCommand(program: Command, io: CommandIo, done: (code: number) => void): void {
  const command = program
    .command('bundle')
    .description('print what would be served: trust domains, anchors, findings')
    .argument('<path...>', 'files or directories')
    .addOption(flag('mesh'))
    .addOption(flag('output'));
  addServingOptions(command).action(async (paths: string[], options: BundleOptions) => {
    const mesh = options.mesh ?? options.defaultMesh;
    const { states, findings: all } = await buildOffline(paths, options, io.signal);
    const state = states.get(mesh);
    if (state === undefined) {
      const known = [...states.keys()].join(', ') || 'none';
      throw new CommandError(
        exitCode.negative,
        `nothing is listed for mesh ${mesh} (meshes: ${known}); its proxies would refuse every client`,
      );
    }
    // Those of files that are of no mesh too: they may hold what is missing in this one.
    const findings = all
      .filter((found) => found.mesh === undefined || found.mesh === mesh)
      .toSorted(compareFindings);
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
