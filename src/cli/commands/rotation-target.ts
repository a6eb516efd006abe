import type { Finding } from '../../trust/findings/finding.ts';
import type { MeshTrust } from '../../trust/model/mesh-trust.ts';
import type { ParseOptions } from '../../trust/model/parse-file.ts';
import { patchObject } from '../../trust/rotation/edit-object.ts';
import type { ObjectPatch } from '../../trust/rotation/edit-object.ts';
import { editText } from '../../trust/rotation/edit-text.ts';
import type { Edit } from '../../trust/rotation/edit-text.ts';
import type { FlagOptions } from '../flags/flags.ts';
import { readResources, writeResource } from '../offline/rotating-files.ts';
import type { FileResource } from '../offline/rotating-files.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';

/** The options that say what a command changes. */
export type TargetOptions = FlagOptions<
  'write' | 'apply' | 'kubeconfig' | 'kubeNamespace' | 'kubeAllNamespaces'
>;

/** A MeshTrust that a command can change. */
export interface Target {
  readonly resource: MeshTrust;
  /** The file or object. */
  readonly path: string;
  readonly remarks: readonly Finding[];
  /**
   * Changes it, or prints the text of the file. Returns what was done. `later`: edits that must be possible afterwards.
   * @throws {CommandError} if it cannot be changed, or was changed since it was read.
   */
  readonly change: (
    edits: readonly Edit[],
    later?: readonly Edit[],
  ) => Promise<'written' | 'printed' | 'patched'>;
}

/** The MeshTrusts that a command can change. */
export interface Targets {
  readonly targets: readonly Target[];
  /** Why another object may be meant: it has an error. `undefined` if there is no such object. */
  readonly unreadable?: string | undefined;
}

/**
 * Reads the MeshTrusts of files, or of the cluster with `--apply`.
 * @throws {CommandError} (usage) if neither is given, or a file cannot be read.
 */
export async function readTargets(
  paths: readonly string[],
  options: TargetOptions,
  parse: ParseOptions,
  io: CommandIo,
): Promise<Targets> {
  const { write = false, apply = false } = options;
  if (apply !== (paths.length === 0) || (apply && write))
    throw new CommandError(
      exitCode.usage,
      'give the file with the MeshTrust (- for standard input), or --apply to change it in the cluster',
    );
  if (apply) return clusterTargets(options, parse, io);
  const resources = await readResources(paths, parse, io);
  const targets = resources.map((file): Target => ({
    resource: file.resource,
    path: file.path,
    remarks: file.remarks,
    async change(edits, later = []) {
      const edited = editText(file.text, file.resource, edits, parse);
      if (edited.kind === 'refused') throw cannotChange(file.path, edited.reason);
      const problem = later.length === 0 ? undefined : laterProblem(file, edits, later, parse);
      if (problem !== undefined) throw problem;
      if (write) await writeResource(file, edited.text);
      else io.stdout.write(edited.text);
      return write ? 'written' : 'printed';
    },
  }));
  return { targets };
}

async function clusterTargets(options: TargetOptions, parse: ParseOptions, io: CommandIo): Promise<Targets> {
  // Loaded only here: the client of Kubernetes takes longer to load than the rest of the command.
  const { openCluster, textOfObject } = await import('../cluster/rotating-objects.ts');
  using cluster = openCluster(options, parse, io);
  const found = await cluster.read();
  const invalid = found.find((one) => one.kind === 'invalid');
  const readable = found.filter((one) => one.kind === 'mesh-trust');
  const targets = readable.map((target): Target => ({
    resource: target.resource,
    path: target.path,
    remarks: target.remarks,
    async change(edits, later = []) {
      const patchOf = (all: readonly Edit[]): ObjectPatch =>
        patchObject(target.object, target.resource, all, parse, textOfObject);
      const patch = patchOf(edits);
      if (patch.kind === 'refused') throw cannotChange(target.path, patch.reason);
      const after = later.length === 0 ? patch : patchOf([...edits, ...later]);
      if (after.kind === 'refused') throw cannotEnd(target.path, after.reason);
      using writing = openCluster(options, parse, io);
      await writing.patch(target, patch.operations);
      return 'patched';
    },
  }));
  return { targets, unreadable: invalid && describeInvalid(invalid) };
}

function describeInvalid({
  path,
  codes,
}: {
  readonly path: string;
  readonly codes: readonly string[];
}): string {
  return `${path} has an error (${[...new Set(codes)].join(', ')}), so it is unknown whether it is rotated`;
}

/**
 * Tries the edits that end a rotation in a file, after those of now. Returns the error if they are not possible:
 * otherwise this would be known only at the end.
 */
export function laterProblem(
  { path, text, resource }: FileResource,
  edits: readonly Edit[],
  later: readonly Edit[],
  parse: ParseOptions,
): CommandError | undefined {
  const after = editText(text, resource, [...edits, ...later], parse);
  return after.kind === 'refused' ? cannotEnd(path, after.reason) : undefined;
}

function cannotEnd(path: string, reason: string): CommandError {
  return cannotChange(path, `rotate finish could not remove the old CA from it: ${reason}`);
}

function cannotChange(path: string, reason: string): CommandError {
  return new CommandError(exitCode.negative, `${path} cannot be changed: ${reason}`);
}
