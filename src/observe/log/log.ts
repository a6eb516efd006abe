import type { Writable } from 'node:stream';
import { pino, stdTimeFunctions } from 'pino';
import type { Logger } from 'pino';
import { PinoPretty } from 'pino-pretty';
import { mapStrings, oneLine, plainJson } from '../../text/plain-text.ts';

export type { Logger } from 'pino';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LogOptions {
  /** `auto`: pretty on a terminal, else JSON. */
  readonly format: 'json' | 'pretty' | 'auto';
  readonly level: LogLevel;
  /** Default: standard output. */
  readonly stream?: (Writable & { readonly isTTY?: boolean }) | undefined;
}

/**
 * Creates the logger. It writes one JSON object a line with `time` (RFC 3339), `level`, `name`, `event` and `msg`,
 * or the same in a readable form. PEM is removed from each line before it is written.
 */
export function createLogger({ format, level, stream = process.stdout }: LogOptions): Logger {
  const pretty = format === 'pretty' || (format === 'auto' && stream.isTTY === true);
  return pino(
    {
      level,
      base: { name: 'meshtrust' },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: (line) => (pretty ? readable : plainJson)(withoutPem(line)) },
    },
    pretty ? prettyStream(stream) : stream,
  );
}

function prettyStream(destination: Writable & { readonly isTTY?: boolean }): PinoPretty.PrettyStream {
  return PinoPretty.build({
    destination,
    colorize: destination.isTTY === true,
    ignore: 'name,event',
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss.l',
  });
}

/** Makes the strings of a serialised line safe to print. Only the stack of an error keeps several lines. */
function readable(line: string): string {
  const change = (text: string, key: string): string => (key === 'stack' ? plainStack : oneLine)(text);
  return `${JSON.stringify(mapStrings(JSON.parse(line), change))}\n`;
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
