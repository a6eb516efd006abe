import { CommandError, exitCode } from '../terminal/exit-code.ts';
import { mapFew } from './ask-server.ts';
import type { ServerAccess } from './server-options.ts';

/** The answers of several servers. */
interface Answers<Answer> {
  /** In the order of the servers, without those that do not answer, or answer with an error. */
  readonly answers: readonly { readonly server: string; readonly answer: Answer }[];
  /**
   * Why the answers are incomplete: the error of the first server that does not answer, or else of the first that
   * answers with an error, while others gave an answer.
   */
  readonly missing: CommandError | undefined;
}

/**
 * Asks all servers. One that does not answer, or that has the feature switched off, must not hide the answers of the
 * others.
 * @throws {CommandError} if no server gives an answer.
 */
export async function askAll<Answer>(
  servers: readonly ServerAccess[],
  ask: (server: ServerAccess) => Promise<Answer>,
): Promise<Answers<Answer>> {
  const results = await mapFew(servers, async (server) => {
    try {
      return { server: server.name, answer: await ask(server) };
    } catch (error) {
      if (error instanceof CommandError) return error;
      throw error;
    }
  });
  const answers = results.flatMap((result) => (result instanceof CommandError ? [] : [result]));
  const errors = results.filter((result) => result instanceof CommandError);
  const missing = errors.find(({ code }) => code === exitCode.unreachable) ?? errors[0];
  if (missing !== undefined && answers.length === 0) throw missing;
  return { answers, missing };
}
