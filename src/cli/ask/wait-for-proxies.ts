import { setTimeout as delay } from 'node:timers/promises';
import type { RolloutDetail } from '../../api/fleet-api-types.ts';
import { plainText } from '../../text/plain-text.ts';
import { timerMs } from '../../xds/timers/timers.ts';
import { AnswerError, askServer } from './ask-server.ts';
import { dropMoved } from './moved-proxies.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';
import type { ServerAccess } from './server-options.ts';
import { say } from '../terminal/terminal.ts';
import { describeWait, assessWait } from './wait-state.ts';
import type { ServerRollout, WaitQuestion, WaitState } from './wait-state.ts';

/** Milliseconds between two requests to the servers. */
const askMs = 200;
/** Maximum length of a line on stderr. */
const lineLength = 2_000;

/** The result of waiting. */
export interface Waited {
  readonly state: WaitState;
  readonly answers: readonly ServerRollout[];
}

/** Waits until all proxies have the version, or the time is up. Prints on stderr what it waits for, on each change. */
export async function waitFor(
  io: CommandIo,
  servers: readonly ServerAccess[],
  question: WaitQuestion,
  timeout: number,
): Promise<Waited> {
  const { mesh, version } = question;
  const deadline = performance.now() + timeout;
  const query = version === undefined ? '' : `?version=${encodeURIComponent(version)}`;
  const path = `/api/v1/meshes/${encodeURIComponent(mesh)}/rollout${query}`;
  let printed = '';
  for (let round = 0; ; round += 1) {
    const asked = await Promise.all(
      servers.map((server) => rolloutOf(server, path, io.signal, round === 0, version !== undefined)),
    );
    const answers = await Promise.all(
      asked.map(async (answer, index) => {
        const server = servers[index];
        if (answer.kind !== 'rollout' || server === undefined) return answer;
        const others = servers.filter(({ name }) => name !== server.name);
        return { ...answer, rollout: await dropMoved(answer.rollout, server, others, io.signal) };
      }),
    );
    const state = assessWait(question, answers);
    const line = plainText(describeWait(state), lineLength);
    if (line !== printed) say(io, line);
    printed = line;
    const left = deadline - performance.now();
    if (state.done || left <= 0) return { state, answers };
    await delay(timerMs(Math.min(askMs, left)), undefined, { signal: io.signal }).catch(() => undefined);
    if (io.signal.aborted) throw new CommandError(exitCode.negative, 'interrupted');
  }
}

/**
 * Reads the roll-out of one server. A server that is unreachable in the first round is probably a mistake in the
 * command, so the error is thrown; later it may be restarting. An unknown mesh is waited for only if `mayAppear` is
 * set: a version was given that the server may not have read yet.
 */
async function rolloutOf(
  { name, ...access }: ServerAccess,
  path: string,
  signal: AbortSignal,
  isFirst: boolean,
  mayAppear: boolean,
): Promise<ServerRollout> {
  try {
    const rollout = (await askServer({ name, ...access }, 'GET', path, signal)) as RolloutDetail;
    return { kind: 'rollout', server: name, rollout };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (error instanceof AnswerError && error.apiCode === 'unknown-mesh' && mayAppear) {
      return { kind: 'unlisted', server: name };
    }
    if (error.code !== exitCode.unreachable || isFirst) throw error;
    return { kind: 'unreachable', server: name, reason: error.message };
  }
}
