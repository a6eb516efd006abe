import { CommandError, exitCode } from '../terminal/exit-code.ts';
import { mapFew } from './ask-server.ts';
import type { ServerAccess } from './server-options.ts';

/** The answers of several servers. */
interface Answers<Answer> {
  /** In the order of the servers, without those that do not answer. */
  readonly answers: readonly { readonly server: string; readonly answer: Answer }[];
  /** Why the answers are incomplete: the error of the first server that does not answer, while others did. */
  readonly missing: CommandError | undefined;
}

/**
 * Asks all servers. One that does not answer must not hide the answers of the others.
 * @throws {CommandError} (unreachable) if no server answers; the error of a server that answers with an error.
 */
export async function askAll<Answer>(
  servers: readonly ServerAccess[],
  ask: (server: ServerAccess) => Promise<Answer>,
): Promise<Answers<Answer>> {
  const results = await mapFew(servers, async (server) => {
    try {
      return { server: server.name, answer: await ask(server) };
    } catch (error) {
      if (error instanceof CommandError && error.code === exitCode.unreachable) return error;
      throw error;
    }
  });
  const answers = results.flatMap((result) => (result instanceof CommandError ? [] : [result]));
  const missing = results.find((result) => result instanceof CommandError);
  if (missing !== undefined && answers.length === 0) throw missing;
  return { answers, missing };
}
