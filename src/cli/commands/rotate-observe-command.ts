import type { FlagOptions } from '../flags/flags.ts';
import { readAccessLog } from '../offline/access-log.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import { renderTable, writeOutput } from '../terminal/output.ts';
import type { Column } from '../terminal/output.ts';
import { say } from '../terminal/terminal.ts';
import { counted } from '../../text/counted.ts';
import type { Action } from './command.ts';

/** An issuer, with its times as RFC 3339. */
interface Row {
  readonly issuer: string;
  readonly clients: number;
  readonly firstSeen: string;
  readonly lastSeen: string;
}

const columns: readonly Column<Row>[] = [
  { title: 'ISSUER', value: ({ issuer }) => issuer },
  { title: 'CLIENTS', value: ({ clients }) => String(clients) },
  { title: 'FIRST', value: ({ firstSeen }) => firstSeen },
  { title: 'LAST', value: ({ lastSeen }) => lastSeen },
];

/** Counts the issuers of clients in access logs of Envoy. */
export const observeIssuers: Action<FlagOptions<'output'>> = async ({
  operands: [path = ''],
  options,
  io,
}) => {
  const { issuers, lines, without, beyond } = await readAccessLog(path, io);
  const rows = issuers.map(({ fingerprint, clients, firstSeen, lastSeen }): Row => ({
    issuer: fingerprint,
    clients,
    firstSeen: timeOf(firstSeen),
    lastSeen: timeOf(lastSeen),
  }));
  writeOutput(io, options.output, { issuers: rows, lines, without, beyond }, (style, plain) =>
    plain.issuers.length === 0 ? '' : renderTable(columns, plain.issuers, style),
  );
  const more =
    beyond === 0 ? '' : `; ${beyond} of these have issuers that are not listed, because there are too many`;
  say(io, `${counted(lines, 'line')}: ${lines - without} with an issuer, ${without} without${more}`);
  if (lines > 0 && lines === without)
    throw new CommandError(
      exitCode.negative,
      'no line has the fingerprint of an issuer: the JSON format of the log needs %DOWNSTREAM_PEER_ISSUER_FINGERPRINT_256% in a field whose name contains issuer',
    );
  return exitCode.ok;
};

function timeOf(time: number): string {
  return new Date(time).toISOString();
}
