import { editText } from '../../trust/rotation/edit-text.ts';
import { decide, gatesOfCommand } from '../../trust/rotation/decide.ts';
import type { RotationCommand } from '../../trust/rotation/decide.ts';
import type { GateInput } from '../../trust/rotation/facts.ts';
import type { Gate, GateId } from '../../trust/rotation/gate-catalogue.ts';
import type { FlagOptions } from '../flags/flags.ts';
import { readResources, writeResource } from '../offline/rotating-files.ts';
import type { FileResource } from '../offline/rotating-files.ts';
import { readGiven, rotationRun, startInput } from '../offline/rotation-run.ts';
import type { RotationOptions, RotationRun } from '../offline/rotation-run.ts';
import { onlyOne, selected, subjectOf } from '../offline/rotation-subject.ts';
import { renderGates } from '../tables/rotation-table.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { ExitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';
import { writeOutput } from '../terminal/output.ts';
import { say } from '../terminal/terminal.ts';
import type { Action } from './command.ts';

type ChangeOptions = RotationOptions & FlagOptions<'force' | 'write'>;
type StartOptions = ChangeOptions & FlagOptions<'old' | 'new' | 'leafTtl'>;
type PlanOptions = RotationOptions & FlagOptions<'old' | 'new' | 'leafTtl' | 'output'>;
type SwitchedOptions = ChangeOptions & FlagOptions<'at' | 'leafTtl'>;
type FinishOptions = ChangeOptions & FlagOptions<'clean'>;

/** Shows the gates of the start and the steps of a rotation. Changes nothing. */
export const planRotation: Action<PlanOptions> = async ({ operands, options, io }) => {
  const { input, target } = await prepareStart(operands, options, io);
  const gates = gatesOfCommand({ kind: 'start', pem: '', leafTtl: options.leafTtl }, input);
  const shut = gates.filter(({ open }) => !open);
  const { mesh, trustDomain, identity } = target.resource;
  const plan = {
    mesh,
    trustDomain,
    resource: identity,
    old: input.marks.old,
    new: input.marks.new,
    leafTtl: options.leafTtl,
    gates,
    steps: stepsOf(options.leafTtl),
    next: { command: 'meshtrust rotate start', allowed: shut.length === 0 },
  };
  writeOutput(io, options.output, plan, (style, { steps }) =>
    [...steps.map((step, index) => `${index + 1}. ${step}\n`), '\n', renderGates(gates, style)].join(''),
  );
  return shut.length === 0 ? exitCode.ok : refusalCode(shut);
};

/** Adds the new CA and the annotations. */
export const startRotation: Action<StartOptions> = async ({ operands, options, io }) => {
  const { run, input, target, pem } = await prepareStart(operands, options, io);
  return change(run, target, { kind: 'start', pem, leafTtl: options.leafTtl }, input, options, io);
};

/** Records that the issuer signs with the new CA. */
export const switchedRotation: Action<SwitchedOptions> = async ({ operands, options, io }) => {
  const { run, target, input } = await prepare(operands, options, io);
  const isOnlyTtl =
    options.leafTtl !== undefined && options.at === undefined && input.marks.switchedAt !== undefined;
  // Rounded up: leaves that the old CA issued in this second count.
  const now = new Date(Math.ceil(input.now / 1000) * 1000).toISOString().replace('.000Z', 'Z');
  const at = isOnlyTtl ? undefined : (options.at ?? now);
  if (at !== undefined && Date.parse(at) > input.now + 1000)
    throw new CommandError(exitCode.usage, `--at ${at} is in the future`);
  return change(run, target, { kind: 'switched', at, leafTtl: options.leafTtl }, input, options, io);
};

/** Removes the time of the switch. */
export const backRotation: Action<ChangeOptions> = async ({ operands, options, io }) => {
  const { run, target, input } = await prepare(operands, options, io);
  return change(run, target, { kind: 'back' }, input, options, io);
};

/** Removes the old CA, or the annotations after it is removed. */
export const finishRotation: Action<FinishOptions> = async ({ operands, options, io }) => {
  const { run, target, input } = await prepare(operands, options, io);
  const command: RotationCommand = { kind: options.clean === true ? 'clean' : 'finish' };
  return change(run, target, command, input, options, io);
};

/** Removes the new CA and the annotations, before the switch. */
export const abortRotation: Action<ChangeOptions> = async ({ operands, options, io }) => {
  const { run, target, input } = await prepare(operands, options, io);
  return change(run, target, { kind: 'abort' }, input, options, io);
};

interface Prepared {
  readonly run: RotationRun;
  readonly target: FileResource;
  readonly input: GateInput;
}

async function prepareStart(
  operands: readonly string[],
  options: PlanOptions | StartOptions,
  io: CommandIo,
): Promise<Prepared & { readonly pem: string }> {
  requirePaths(operands);
  const run = await rotationRun(options, io);
  const { oldOf, newCa } = await readGiven(options, run, io);
  const all = selected(await readResources(operands, run.parse, io), options);
  const found = all.flatMap((target) => {
    const subject = subjectOf(target);
    const old = oldOf(subject.resource.listed);
    return old === undefined ? [] : [{ target, subject, old }];
  });
  const { target, subject, old } = onlyOne(
    found,
    ({ target: one }) => `${one.resource.identity} in ${one.path}`,
    'refused: R10 old-not-listed: no MeshTrust of these files lists the old CA',
  );
  const input = await startInput(run, subject, old, newCa, io);
  return { run, target, input, pem: newCa.kind === 'anchor' ? newCa.pem : '' };
}

async function prepare(
  operands: readonly string[],
  options: RotationOptions,
  io: CommandIo,
): Promise<Prepared> {
  requirePaths(operands);
  const run = await rotationRun(options, io);
  const all = selected(await readResources(operands, run.parse, io), options);
  const target = onlyOne(
    all.filter(({ resource }) => resource.rotation !== undefined),
    ({ resource, path }) => `${resource.identity} in ${path}`,
    'no MeshTrust of these files has the annotations of a rotation; begin one with: meshtrust rotate start',
  );
  const subject = subjectOf(target);
  const input = await run.facts(subject);
  if (subject.marks === undefined) throw new Error('the resource was selected by its marks');
  return { run, target, input: { ...input, marks: subject.marks } };
}

function requirePaths(operands: readonly string[]): void {
  if (operands.length === 0)
    throw new CommandError(exitCode.usage, 'give the file with the MeshTrust, or - for standard input');
}

/** Prints or writes the text that follows from a command, if its gates are open. */
async function change(
  { parse }: RotationRun,
  target: FileResource,
  command: RotationCommand,
  input: GateInput,
  { force = [], write }: ChangeOptions,
  io: CommandIo,
): Promise<ExitCode> {
  const decision = decide(command, input, new Set<GateId>(force));
  if (decision.kind === 'refused') {
    for (const { id, code, detail } of decision.shut) say(io, `refused: ${id} ${code}: ${detail}`);
    return refusalCode(decision.shut);
  }
  const edited = editText(target.text, target.resource, decision.edits, parse);
  if (edited.kind === 'refused')
    throw new CommandError(exitCode.negative, `${target.path} cannot be changed: ${edited.reason}`);
  for (const { id, code, detail } of decision.forced) say(io, `passed by force: ${id} ${code}: ${detail}`);
  if (write === true) await writeResource(target, edited.text);
  else io.stdout.write(edited.text);
  say(io, `${target.path}: ${write === true ? 'written' : 'printed'}; next: ${nextOf[command.kind]}`);
  return exitCode.ok;
}

function refusalCode(shut: readonly Gate[]): ExitCode {
  return shut.some(({ id }) => id === 'R01') ? exitCode.unreachable : exitCode.negative;
}

const nextOf: Readonly<Record<RotationCommand['kind'], string>> = {
  start: 'meshtrust rotate wait --for introduced',
  switched: 'meshtrust rotate wait --for removable',
  back: 'let the issuer sign with the old CA again',
  finish: 'meshtrust rotate wait --for steady',
  clean: 'the rotation is over',
  abort: 'the rotation is over',
};

function stepsOf(leafTtl: string | undefined): readonly string[] {
  return [
    'meshtrust rotate start: lists the new CA beside the old one',
    'meshtrust rotate wait --for introduced: until all proxies and consumers have both',
    'switch the issuer to the new CA (docs/rotation.md), then: meshtrust rotate switched',
    `meshtrust rotate wait --for removable: ${leafTtl ?? 'the longest lifetime of a leaf (--leaf-ttl)'} and 5m after the switch`,
    'meshtrust rotate finish: removes the old CA',
    'meshtrust rotate wait --for steady, then: meshtrust rotate finish --clean',
  ];
}
