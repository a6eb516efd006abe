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
 * Makes the logger: one JSON object a line with `time` (RFC 3339), `level`, `name`, `event` and `msg`, or the
 * same for people. Whatever is logged, PEM is taken out of the line before it is written.
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

/** A serialised line whose strings can be printed as they are; only the stack of an error has several lines. */
function readable(line: string): string {
  const change = (text: string, key: string): string => (key === 'stack' ? plainStack : oneLine)(text);
  return `${JSON.stringify(mapStrings(JSON.parse(line), change))}\n`;
}

/** The stack of an error, whose message stays on one line. */
function plainStack(stack: string): string {
  return stack
    .split(/\n(?=[ \t]+at |caused by: )/)
    .map(oneLine)
    .join('\n');
}

/** In a serialised line the end of a block is its END marker, or else the end of its string. */
function withoutPem(line: string): string {
  if (!line.includes('-----BEGIN ')) return line;
  return line.replace(/-----BEGIN (?:[^"\\]|\\.)*?(?:-----END [^-"\\]*-----|(?="))/g, '[PEM]');
}
