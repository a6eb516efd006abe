import type { Action } from './command.ts';
import { counted } from '../../text/counted.ts';
import { meshTrustObject } from '../offline/mesh-trust-text.ts';
import { readingOf } from '../offline/offline-options.ts';
import type { ReadingOptions } from '../offline/offline-options.ts';
import { evaluateTexts, readTexts } from '../offline/read-offline.ts';
import type { FlagOptions } from '../flags/flags.ts';
import { wholeRefusalCodes } from '../../trust/findings/catalogue.ts';
import type { SourceEvent } from '../../trust/source.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';
import { toYaml } from '../terminal/output.ts';
import { say } from '../terminal/terminal.ts';
import { writeFindings } from '../terminal/write-findings.ts';

type DeriveOptions = FlagOptions<
  'kubernetes' | 'kubeconfig' | 'kubeNamespace' | 'kubeAllNamespaces' | 'identitySecret'
> &
  ReadingOptions;

/** Prints the MeshTrusts that follow from the MeshIdentities in files, or from those of a cluster. */
export const derive: Action<DeriveOptions> = async ({ operands: paths, options, io, isGiven }) => {
  // A variable for `serve` in the same container does not stand in the way of files.
  const isOfCluster = options.kubernetes === true && (paths.length === 0 || isGiven('kubernetes'));
  if (isOfCluster === paths.length > 0)
    throw new CommandError(
      exitCode.usage,
      'give files with MeshIdentities (- for standard input), or --kubernetes to read those of a cluster',
    );
  if (!isOfCluster && isGiven('identitySecret'))
    throw new CommandError(exitCode.usage, '--identity-secret has an effect only with --kubernetes');
  const reading = readingOf({ ...options, identities: true });
  const { findings } = await evaluateTexts(
    isOfCluster ? await readCluster(options, io) : await readTexts(paths, io),
    reading,
  );
  const views = reading.identities?.view() ?? [];
  writeFindings(
    io,
    findings.filter(({ severity }) => severity === 'error'),
  );
  if (views.length === 0)
    throw new CommandError(
      exitCode.negative,
      `${isOfCluster ? placeOf(options) : paths.join(' ')}: no MeshIdentity found`,
    );
  const documents = views.flatMap(({ resources }) =>
    resources.map((resource) => {
      // The MeshTrusts of several zones need a name each.
      const [, zone] = resource.identity.split('@');
      return meshTrustObject(resource, zone === undefined ? resource.name : `${resource.name}-${zone}`);
    }),
  );
  io.stdout.write(documents.map(toYaml).join('---\n'));
  say(io, `${counted(documents.length, 'MeshTrust')} of ${counted(views.length, 'MeshIdentity')}`);
  const hasFailed =
    views.some(({ outcome }) => outcome === 'keep' || outcome === 'invalid') ||
    // A file that cannot be parsed may contain a MeshIdentity.
    findings.some(({ code, severity }) => severity === 'error' && wholeRefusalCodes.has(code));
  return hasFailed ? exitCode.negative : exitCode.ok;
};

async function readCluster(options: DeriveOptions, io: CommandIo): Promise<readonly SourceEvent[]> {
  // Loaded only here: the client of Kubernetes takes longer to load than the rest of the command.
  const { readIdentityObjects } = await import('../cluster/identity-objects.ts');
  const objects = await readIdentityObjects(options, io);
  return objects.map(({ path, text }) => ({ kind: 'content', path, text, settled: true }));
}

function placeOf({ kubeNamespace, kubeAllNamespaces }: DeriveOptions): string {
  return kubeAllNamespaces === true ? 'all namespaces' : `namespace ${kubeNamespace}`;
}
