import type { Action } from './command.ts';
import { counted } from '../../text/counted.ts';
import { meshTrustObject } from '../offline/mesh-trust-text.ts';
import { readingOf } from '../offline/offline-options.ts';
import type { ReadingOptions } from '../offline/offline-options.ts';
import { readOffline } from '../offline/read-offline.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import { toYaml } from '../terminal/output.ts';
import { say } from '../terminal/terminal.ts';
import { writeFindings } from '../terminal/write-findings.ts';

/** Prints the MeshTrusts that follow from the MeshIdentities in files. */
export const derive: Action<ReadingOptions> = async ({ operands: paths, options, io }) => {
  const reading = readingOf({ ...options, identities: true });
  const { findings } = await readOffline(paths, reading, io);
  const views = reading.identities?.view() ?? [];
  writeFindings(
    io,
    findings.filter(({ severity }) => severity === 'error'),
  );
  if (views.length === 0)
    throw new CommandError(exitCode.negative, `${paths.join(' ')}: no MeshIdentity found`);
  const documents = views.flatMap(({ resources }) =>
    resources.map((resource) => {
      // The MeshTrusts of several zones need a name each.
      const [, zone] = resource.identity.split('@');
      return meshTrustObject(resource, zone === undefined ? resource.name : `${resource.name}-${zone}`);
    }),
  );
  io.stdout.write(documents.map(toYaml).join('---\n'));
  say(io, `${counted(documents.length, 'MeshTrust')} of ${counted(views.length, 'MeshIdentity')}`);
  const hasFailed = views.some(({ outcome }) => outcome === 'keep' || outcome === 'invalid');
  return hasFailed ? exitCode.negative : exitCode.ok;
};
