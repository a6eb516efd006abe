import type { Writable } from 'node:stream';
import { pino, stdTimeFunctions } from 'pino';
import type { Logger } from 'pino';
import { PinoPretty } from 'pino-pretty';
import { mapStrings, oneLine, plainJson } from '../../text/plain-text.ts';

export type { Logger } from 'pino';

type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LogOptions {
  /** `auto`: pretty on a terminal, else JSON. */
  readonly format: 'json' | 'pretty' | 'auto';
  readonly level: LogLevel;
  /** Default: standard output. */
  readonly stream?: (Writable & { readonly isTTY?: boolean }) | undefined;
  /** Whether readable lines have colours. Default: on a terminal. */
  readonly colour?: boolean | undefined;
}

/**
 * Creates the logger. It writes one JSON object a line with `time` (RFC 3339), `level`, `name`, `event` and `msg`,
 * or for people only the time, the level and the message. PEM is removed from each line before it is written.
 */
export function createLogger({ format, level, stream = process.stdout, colour }: LogOptions): Logger {
  const pretty = format === 'pretty' || (format === 'auto' && stream.isTTY === true);
  return pino(
    {
      level,
      base: { name: 'meshtrust' },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: {
        streamWrite: (line) => (pretty ? readable(withoutPem(line), level) : plainJson(withoutPem(line))),
      },
    },
    pretty ? prettyStream(stream, colour ?? stream.isTTY === true) : stream,
  );
}

function prettyStream(destination: Writable, colorize: boolean): PinoPretty.PrettyStream {
  return PinoPretty.build({
    destination,
    colorize,
    singleLine: true,
    translateTime: 'SYS:yyyy-mm-dd HH:MM:ss.l',
  });
}

/**
 * Returns the parts of a serialised line that people need, safe to print: the time, the level, the message and an
 * error. Only the stack of an error keeps several lines. A change of trust has a line of the event log with all its
 * trust domains, so the line of the audit log for each of them is left out where that line is written.
 */
function readable(line: string, level: LogLevel): string {
  const change = (text: string, key: string): string => (key === 'stack' ? plainStack : oneLine)(text);
  const { level: own, time, msg, err, event, worker } = mapStrings(JSON.parse(line), change) as LogFields;
  if (event === 'trust-changed' && (level === 'info' || level === 'debug')) return '';
  const text = worker === undefined ? msg : `worker ${worker}: ${msg ?? ''}`;
  return `${JSON.stringify({ level: own, time, msg: text, err })}\n`;
}

interface LogFields {
  readonly level: string;
  readonly time: string;
  readonly msg?: string;
  readonly err?: unknown;
  readonly event?: string;
  readonly worker?: string | number;
}

/** Returns the stack of an error with its message on one line. */
function plainStack(stack: string): string {
  return stack
    .split(/\n(?=[ \t]+at |caused by: )/)
    .map(oneLine)
    .join('\n');
}

/** Replaces PEM blocks. In a serialised line, a block ends at its END marker, or else at the end of its string. */
function withoutPem(line: string): string {
  if (!line.includes('-----BEGIN ')) return line;
  return line.replace(/-----BEGIN (?:[^"\\]|\\.)*?(?:-----END [^-"\\]*-----|(?="))/g, '[PEM]');
}
