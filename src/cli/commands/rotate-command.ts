import { decide } from '../../trust/rotation/decide.ts';
import type { RotationCommand } from '../../trust/rotation/decide.ts';
import { parseMark } from '../../trust/model/rotation-values.ts';
import { rotationKeys } from '../../trust/rotation-keys.ts';
import { changeToRecord, timeToRecord } from '../../trust/rotation/clocks.ts';
import type { GateInput } from '../../trust/rotation/facts.ts';
import type { Gate, GateId } from '../../trust/rotation/gate-catalogue.ts';
import { foreseenGates } from '../../trust/rotation/finish-gates.ts';
import { gatesOf } from '../../trust/rotation/gates.ts';
import type { Edit } from '../../trust/rotation/edit-text.ts';
import type { FlagOptions } from '../flags/flags.ts';
import { readResources } from '../offline/rotating-files.ts';
import type { FileResource } from '../offline/rotating-files.ts';
import { readGiven, rotationRun, startInput } from '../offline/rotation-run.ts';
import type { GivenCertificates, RotationOptions } from '../offline/rotation-run.ts';
import { listedSubjects, onlyOne, selected, subjectOf } from '../offline/rotation-subject.ts';
import type { Subject } from '../offline/rotation-subject.ts';
import { describeUnread } from '../offline/unread-rotation.ts';
import { renderGates } from '../tables/rotation-table.ts';
import { CommandError, ConflictError, exitCode } from '../terminal/exit-code.ts';
import type { ExitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';
import { isReadOnce } from '../terminal/read-input.ts';
import { writeOutput } from '../terminal/output.ts';
import { say } from '../terminal/terminal.ts';
import { documentation } from '../terminal/version.ts';
import type { Action } from './command.ts';
import { laterProblem, readTargets } from './rotation-target.ts';
import type { Target, TargetOptions } from './rotation-target.ts';

type ChangeOptions = RotationOptions & TargetOptions & FlagOptions<'force'>;
type StartOptions = ChangeOptions & FlagOptions<'old' | 'new' | 'leafTtl'>;
type PlanOptions = RotationOptions & FlagOptions<'old' | 'new' | 'leafTtl' | 'output'>;
type SwitchedOptions = ChangeOptions & FlagOptions<'at' | 'leafTtl'>;
type BackOptions = ChangeOptions & FlagOptions<'leafTtl'>;
type FinishOptions = ChangeOptions & FlagOptions<'clean'>;

/** How often a command tries to change an object that others change as well. */
const attempts = 3;

/** Shows the gates of the start and the steps of a rotation. Changes nothing. */
export const planRotation: Action<PlanOptions> = async ({ operands, options, io }) => {
  const run = await rotationRun(options, io);
  const given = await readGiven(options, run, io);
  const files = operands.length > 0 ? await readResources(operands, run.parse, io) : undefined;
  const subjects: readonly (Subject & { readonly file?: FileResource })[] =
    files === undefined
      ? await listedSubjects(run.servers, options, io.signal)
      : selected(files, options).map((file) => ({ ...subjectOf(file), file }));
  const { subject, old } = subjectWith(subjects, ({ resource }) => resource.identity, given);
  const input = await startInput(run, subject, old, given.newCa, io);
  const gates = gatesOf('start', input);
  const shut = gates.filter(({ open }) => !open);
  const decision = decide(startOf(input, given, options), input);
  const problem =
    decision.kind === 'allowed' && subject.file !== undefined
      ? laterProblem(subject.file, decision.edits, removalOf(input), run.parse)
      : undefined;
  const ttl = options.leafTtl === undefined ? undefined : parseMark(rotationKeys.leafTtl, options.leafTtl);
  // If all proxies had both CA certificates, and the issuer were switched, at once.
  const earliestFinish =
    typeof ttl === 'number' ? new Date(input.now + ttl + options.clockSkew).toISOString() : undefined;
  const plan = {
    mesh: subject.mesh,
    trustDomain: subject.trustDomain,
    resource: subject.resource.identity,
    old: input.marks.old,
    new: input.marks.new,
    leafTtl: options.leafTtl,
    earliestFinish,
    gates,
    steps: stepsOf(options.leafTtl),
    next: { command: 'meshtrust rotate start', allowed: shut.length === 0 && problem === undefined },
  };
  writeOutput(io, options.output, plan, (style, { steps }) =>
    [
      ...steps.map((step, index) => `${index + 1}. ${step}\n`),
      ...(earliestFinish === undefined ? [] : [`\nThe rotation cannot end before ${earliestFinish}.\n`]),
      '\n',
      renderGates(gates, style),
    ].join(''),
  );
  sayForeseen(input, io);
  if (problem !== undefined) throw problem;
  return shut.length === 0 ? exitCode.ok : refusalCode(shut);
};

/** Adds the new CA and the annotations. */
export const startRotation: Action<StartOptions> = tryAgain(async ({ operands, options, io }) => {
  const run = await rotationRun(options, io);
  const given = await readGiven(options, run, io);
  const read = await readTargets(operands, options, run.parse, io);
  const targets = selected(read.targets, options);
  const subjects = targets.map((target) => ({ ...subjectOf(target), target }));
  const { subject, old } = subjectWith(subjects, ({ target: { path } }) => path, given);
  const input = await startInput(run, subject, old, given.newCa, io);
  return change(subject.target, startOf(input, given, options), input, options, io);
});

function startOf(
  input: GateInput,
  { newCa }: GivenCertificates,
  { leafTtl }: Pick<StartOptions, 'leafTtl'>,
): RotationCommand {
  const pem = newCa.kind === 'anchor' ? newCa.pem : '';
  return { kind: 'start', at: timeToRecord(input), pem, leafTtl };
}

/** Returns the edits of the end of a rotation. */
function removalOf({ marks }: GateInput): readonly Edit[] {
  return [{ kind: 'remove', fingerprint: marks.old }];
}

/** Records that the issuer signs with the new CA. */
export const switchedRotation: Action<SwitchedOptions> = tryAgain(async ({ operands, options, io }) => {
  const { target, input } = await prepare(operands, options, io);
  const isOnlyTtl =
    options.leafTtl !== undefined && options.at === undefined && input.marks.switchedAt !== undefined;
  if (options.at !== undefined && Date.parse(options.at) > (input.latest ?? input.now) + 1000)
    throw new CommandError(exitCode.usage, `--at ${options.at} is in the future`);
  const at = isOnlyTtl ? undefined : (options.at ?? changeToRecord(input));
  return change(target, { kind: 'switched', at, leafTtl: options.leafTtl }, input, options, io);
});

/** Removes the time of the switch, and records that the issuer signs with the old CA again. */
export const backRotation: Action<BackOptions> = tryAgain(async ({ operands, options, io }) => {
  const { target, input } = await prepare(operands, options, io);
  return change(
    target,
    { kind: 'back', at: changeToRecord(input), leafTtl: options.leafTtl },
    input,
    options,
    io,
  );
});

/** Removes the old CA, or the annotations after it is removed. */
export const finishRotation: Action<FinishOptions> = tryAgain(async ({ operands, options, io }) => {
  const { target, input } = await prepare(operands, options, io);
  const command: RotationCommand = { kind: options.clean === true ? 'clean' : 'finish' };
  return change(target, command, input, options, io);
});

/** Removes the new CA and the annotations, before the switch. */
export const abortRotation: Action<ChangeOptions> = tryAgain(async ({ operands, options, io }) => {
  const { target, input } = await prepare(operands, options, io);
  return change(target, { kind: 'abort' }, input, options, io);
});

/**
 * Returns a command that runs again, from the beginning, if the object was changed meanwhile: servers write its status.
 * What a pipe had cannot be read again.
 */
function tryAgain<Options extends ChangeOptions & { readonly new?: string; readonly old?: string }>(
  action: Action<Options>,
): Action<Options> {
  return async (given) => {
    const { accessLog, old, new: next } = given.options;
    const paths = [accessLog, old, next].filter((path) => path !== undefined);
    const once = await Promise.all(paths.map(isReadOnce));
    const most = once.includes(true) ? 1 : attempts;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await action(given);
      } catch (error) {
        if (!(error instanceof ConflictError) || attempt >= most || given.io.signal.aborted) throw error;
      }
    }
  };
}

interface Prepared {
  readonly target: Target;
  readonly input: GateInput;
}

/** Returns the only subject that lists the old CA. */
function subjectWith<Item extends Subject>(
  subjects: readonly Item[],
  nameOf: (item: Item) => string,
  { oldOf }: GivenCertificates,
): { readonly subject: Item; readonly old: string } {
  const found = subjects.flatMap((subject) => {
    const old = oldOf(subject.resource.listed);
    return old === undefined ? [] : [{ subject, old }];
  });
  return onlyOne(
    found,
    ({ subject }) => nameOf(subject),
    'refused: R10 old-not-listed: no MeshTrust lists the old CA',
  );
}

async function prepare(
  operands: readonly string[],
  options: RotationOptions & TargetOptions,
  io: CommandIo,
): Promise<Prepared> {
  const run = await rotationRun(options, io);
  const read = await readTargets(operands, options, run.parse, io);
  const targets = selected(read.targets, options);
  const rotating = targets.flatMap((target) => {
    const { marks, ...subject } = subjectOf(target);
    return marks === undefined ? [] : [{ target, subject: { ...subject, marks } }];
  });
  const { target, subject } = onlyOne(
    rotating,
    (one) => `${one.subject.resource.identity} in ${one.target.path}`,
    describeUnread(targets.flatMap(({ remarks }) => remarks)) ??
      read.unreadable ??
      'no MeshTrust has the annotations of a rotation; begin one with: meshtrust rotate start',
  );
  return { target, input: { ...(await run.facts(subject)), marks: subject.marks } };
}

/** Changes the resource, if the gates of the command are open. */
async function change(
  target: Target,
  command: RotationCommand,
  input: GateInput,
  { force = [] }: ChangeOptions,
  io: CommandIo,
): Promise<ExitCode> {
  const decision = decide(command, input, new Set<GateId>(force));
  if (decision.kind === 'refused') {
    for (const { id, code, detail } of decision.shut) say(io, `refused: ${id} ${code}: ${detail}`);
    return refusalCode(decision.shut);
  }
  const isStart = command.kind === 'start';
  const done = await target.change(decision.edits, isStart ? removalOf(input) : []);
  if (isStart) sayForeseen(input, io);
  for (const { id, code, detail } of decision.forced) say(io, `passed by force: ${id} ${code}: ${detail}`);
  say(io, `${target.path}: ${done}; next: ${nextOf[command.kind]}`);
  return exitCode.ok;
}

/** Names the gates that would refuse the end of the rotation as things are: there is time to open them. */
function sayForeseen(input: GateInput, io: CommandIo): void {
  for (const { id, code, detail } of foreseenGates(input))
    say(io, `note: rotate finish would be refused as things are: ${id} ${code}: ${detail}`);
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
    `switch the issuer to the new CA (${documentation('rotation.md')}), then: meshtrust rotate switched`,
    `meshtrust rotate wait --for removable: ${leafTtl ?? 'the longest lifetime of a leaf (--leaf-ttl)'} and 5m after the switch`,
    'meshtrust rotate finish: removes the old CA',
    'meshtrust rotate wait --for steady, then: meshtrust rotate finish --clean',
  ];
}
