/** The exit codes of commands. `cannotStart`: `serve` cannot use an address, a certificate or a file. */
export const exitCode = {
  ok: 0,
  negative: 1,
  usage: 2,
  unreachable: 3,
  timeout: 4,
  cannotStart: 5,
} as const;

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

/** Ends a command with an exit code and a message on stderr. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly code: ExitCode;

  constructor(code: ExitCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** An object was changed since the command read it, so nothing was changed. */
export class ConflictError extends CommandError {
  constructor(message: string) {
    super(exitCode.negative, message);
  }
}
