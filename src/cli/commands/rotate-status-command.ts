import { setTimeout as delay } from 'node:timers/promises';
import { presentRotation } from '../../api/present-rotation.ts';
import type { GateDetail, RotationDetail } from '../../api/rotation-api-types.ts';
import type { RotationState } from '../../trust/rotation/state.ts';
import { timerMs } from '../../xds/timers/timers.ts';
import type { FlagOptions } from '../flags/flags.ts';
import { followResources } from '../offline/rotating-files.ts';
import type { FileResource } from '../offline/rotating-files.ts';
import { rotationRun } from '../offline/rotation-run.ts';
import type { RotationOptions, RotationRun } from '../offline/rotation-run.ts';
import { onlyOne, selected, servedSubjects, subjectOf, whyUnknown } from '../offline/rotation-subject.ts';
import { describeUnread } from '../offline/unread-rotation.ts';
import { renderRotation } from '../tables/rotation-table.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';
import { formatDuration, formatOutput, styleOf } from '../terminal/output.ts';
import { say } from '../terminal/terminal.ts';
import type { Action } from './command.ts';
import { showOutput } from './show-output.ts';
import type { Shown } from './show-output.ts';

type StatusOptions = RotationOptions & FlagOptions<'watch' | 'output'>;
type WaitOptions = RotationOptions & FlagOptions<'for' | 'timeout' | 'output'>;

/** Milliseconds between two requests. */
const askMs = 1_000;

const nothing = 'no rotation is in progress: no MeshTrust has its annotations';

/** Shows the state of a rotation, and the gates of its next step. */
export const rotationStatus: Action<StatusOptions> = async ({ operands, options, io }) => {
  const run = await rotationRun(options, io);
  const files = filesOf(operands, run, io);
  const style = styleOf(io, options.output);
  let isSilent = false;
  const show = async (): Promise<Shown> => {
    const answer = await rotationOf(run, files, options, io);
    const { found } = answer;
    if (found === undefined)
      throw new CommandError(exitCode.negative, answer.kind === 'none' ? nothing : answer.reason);
    isSilent = found.gates.some(({ id, open }) => id === 'R01' && !open);
    return {
      data: formatOutput(options.output, found, (plain) => renderRotation(plain, style)),
      talk: '',
    };
  };
  await showOutput(io, show, options.watch === true);
  return isSilent && options.watch !== true ? exitCode.unreachable : exitCode.ok;
};

/** The states that are at or after the one that is waited for. */
const reached: Readonly<Record<WaitOptions['for'], readonly RotationState[]>> = {
  introduced: ['introduced', 'draining', 'removable', 'finishing', 'steady'],
  removable: ['removable', 'finishing', 'steady'],
  steady: ['steady'],
};

/**
 * Returns whether a gate does not open by waiting. R42 does if servers observe clients, but not with an access log that
 * the command reads.
 */
function isLasting({ id }: GateDetail, { accessLog }: Pick<RotationOptions, 'accessLog'>): boolean {
  return id === 'R21' || (id === 'R42' && accessLog !== undefined);
}

/** Waits until a rotation is in a state. */
export const waitForRotation: Action<WaitOptions> = async ({ operands, options, io }) => {
  const run = await rotationRun(options, io);
  const files = filesOf(operands, run, io);
  const style = styleOf(io, options.output);
  const deadline = performance.now() + options.timeout;
  let printed = '';
  for (let round = 0; ; round += 1) {
    const answer = await answerOf(run, files, options, io);
    const { found } = answer;
    if (answer.kind === 'absent' && round === 0) throw new CommandError(exitCode.negative, answer.reason);
    if (options.for === 'introduced' && found !== undefined && isSkipped(found))
      throw new CommandError(
        exitCode.negative,
        `refused: R10 old-not-listed: ${found.resource} does not list the old CA any more, and no switch is recorded: proxies may lack the new CA`,
      );
    if (answer.kind === 'none' ? options.for === 'steady' : isReached(options.for, found)) {
      if (found !== undefined)
        io.stdout.write(formatOutput(options.output, found, (plain) => renderRotation(plain, style)));
      return exitCode.ok;
    }
    // The servers may not have read the file yet.
    const shut = found?.gates.filter(({ open }) => !open) ?? [];
    const line =
      answer.kind === 'found'
        ? `${answer.found.state}: waiting for ${describeGates(shut)}`
        : answer.kind === 'none'
          ? nothing
          : answer.reason;
    const kind = found === undefined ? line : `${found.state} ${shut.map(({ id }) => id).join()}`;
    // Details have the time that is left, so only changes of gates are printed.
    if (kind !== printed) say(io, line);
    printed = kind;
    const isSilent = answer.kind === 'silent' || shut.some(({ id }) => id === 'R01');
    // If a server is silent, the other gates are shut because nothing is known.
    const final = isSilent ? [] : shut.filter((gate) => isLasting(gate, options));
    if (final.length > 0) throw new CommandError(exitCode.negative, `refused: ${describeGates(final)}`);
    if (isSilent && round === 0) throw new CommandError(exitCode.unreachable, line);
    const left = deadline - performance.now();
    if (left <= 0)
      throw new CommandError(
        isSilent ? exitCode.unreachable : exitCode.timeout,
        `timed out after ${formatDuration(options.timeout)}: ${line}`,
      );
    await delay(timerMs(Math.min(io.watchMs ?? askMs, left)), undefined, { signal: io.signal }).catch(
      () => undefined,
    );
    if (io.signal.aborted) throw new CommandError(exitCode.negative, 'interrupted');
  }
};

/** The files that are given. */
interface Files {
  readonly paths: readonly string[];
  /** Reads their MeshTrusts. */
  readonly read: () => Promise<readonly FileResource[]>;
}

function filesOf(paths: readonly string[], { parse }: RotationRun, io: CommandIo): Files | undefined {
  return paths.length === 0 ? undefined : { paths, read: followResources(paths, parse, io) };
}

function describeAbsent(paths: readonly string[], { mesh, trustDomain }: RotationOptions): string {
  const which = [
    ...(mesh === undefined ? [] : [`mesh ${mesh}`]),
    ...(trustDomain === undefined ? [] : [`trust domain ${trustDomain}`]),
  ];
  return `${paths.join(' ')}: no MeshTrust${which.length === 0 ? '' : ` of ${which.join(' and ')}`}`;
}

/** Returns whether the old CA was removed without a switch: what the switch waits for may not hold. */
function isSkipped({ state, switchedAt }: RotationDetail): boolean {
  return (state === 'finishing' || state === 'steady') && switchedAt === undefined;
}

function isReached(state: WaitOptions['for'], found: RotationDetail | undefined): boolean {
  return found !== undefined && reached[state].includes(found.state);
}

/**
 * A rotation, or why none was found. `unknown`: there may be one, but a server has not read everything, or annotations
 * cannot be read. `absent`: the files have no MeshTrust that the options select; one may just be written.
 */
type Found =
  | { readonly kind: 'found'; readonly found: RotationDetail }
  | { readonly kind: 'none'; readonly found?: undefined }
  | { readonly kind: 'unknown' | 'absent'; readonly found?: undefined; readonly reason: string };
type Answer = Found | { readonly kind: 'silent'; readonly found?: undefined; readonly reason: string };

/** Returns the rotation. A server that does not answer may be restarting. */
async function answerOf(
  run: RotationRun,
  files: Files | undefined,
  options: RotationOptions,
  io: CommandIo,
): Promise<Answer> {
  try {
    return await rotationOf(run, files, options, io);
  } catch (error) {
    if (!(error instanceof CommandError) || error.code !== exitCode.unreachable) throw error;
    return { kind: 'silent', reason: error.message };
  }
}

function describeGates(gates: readonly GateDetail[]): string {
  return gates.map(({ id, code, detail }) => `${id} ${code}: ${detail}`).join('; ');
}

/** Returns the rotation in the files, or else the one that the servers know. */
async function rotationOf(
  run: RotationRun,
  files: Files | undefined,
  options: RotationOptions,
  io: CommandIo,
): Promise<Found> {
  const resources = files && selected(await files.read(), options);
  if (files !== undefined && resources?.length === 0)
    return { kind: 'absent', reason: describeAbsent(files.paths, options) };
  const subjects = resources?.map(subjectOf) ?? (await servedSubjects(run.servers, options, io.signal));
  const rotating = subjects.flatMap((subject) =>
    subject.marks === undefined ? [] : [{ subject, marks: subject.marks }],
  );
  if (rotating.length === 0) {
    const reason =
      resources === undefined
        ? await whyUnknown(run.servers, options, io.signal)
        : describeUnread(resources.flatMap(({ remarks }) => remarks));
    return reason === undefined ? { kind: 'none' } : { kind: 'unknown', reason };
  }
  const { subject, marks } = onlyOne(rotating, (one) => one.subject.resource.identity, nothing);
  return { kind: 'found', found: presentRotation(subject, { ...(await run.facts(subject)), marks }) };
}
