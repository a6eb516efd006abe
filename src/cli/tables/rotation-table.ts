import type { ForcedDetail, GateDetail, RotationDetail, SeenClients } from '../../api/rotation-api-types.ts';
import { describeTime } from '../../trust/rotation/describe-time.ts';
import { renderTable } from '../terminal/output.ts';
import type { Column, TableStyle } from '../terminal/output.ts';

const columns: readonly Column<GateDetail>[] = [
  { title: 'GATE', value: ({ id }) => id },
  { title: 'CODE', value: ({ code }) => code },
  {
    title: 'STATE',
    value: ({ open }) => (open ? 'open' : 'shut'),
    tone: ({ open }) => (open ? 'good' : 'bad'),
  },
  { title: 'DETAIL', value: ({ detail }) => detail },
];

/** Renders gates as a table. */
export function renderGates(gates: readonly GateDetail[], style: TableStyle): string {
  return renderTable(columns, gates, style);
}

/** Renders a rotation: its state, what is rotated, and the gates of its next step. */
export function renderRotation(rotation: RotationDetail, style: TableStyle, now = Date.now()): string {
  const {
    mesh,
    trustDomain,
    resource,
    place,
    state,
    switchedAt,
    backAt,
    leafTtlSeconds,
    earliestFinish,
    earliestAbort,
    forced = [],
    seen,
    next,
  } = rotation;
  const lines = [
    `mesh ${mesh}, trust domain ${trustDomain}: ${state}`,
    `resource  ${resource}${place === undefined ? '' : ` in ${place}`}`,
    `old CA    ${describe(rotation, rotation.old)}`,
    `new CA    ${describe(rotation, rotation.new)}`,
    ...(switchedAt === undefined ? [] : [`switched  ${switchedAt}`]),
    ...(backAt === undefined ? [] : [`back      ${backAt}`]),
    ...(leafTtlSeconds === undefined ? [] : [`leaf TTL  ${leafTtlSeconds}s`]),
    ...(earliestFinish === undefined ? [] : [`finish    not before ${earliestFinish}`]),
    ...(earliestAbort === undefined ? [] : [`abort     not before ${earliestAbort}`]),
    ...forced.map((step) => `forced    ${describeForced(step)}`),
    ...(seen === undefined ? [] : [`seen      ${describeSeen(seen, now)}`]),
    `next      ${next.command}${next.allowed ? '' : ' (refused while a gate is shut)'}`,
    '',
  ];
  return `${lines.join('\n')}\n${renderGates(rotation.gates, style)}`;
}

function describeForced({ at, command, gates }: ForcedDetail): string {
  return `${at}: ${command} passed ${gates.map(({ id, code = '' }) => `${id} ${code}`.trimEnd()).join(', ')}`;
}

function describeSeen({ old, new: next, complete }: SeenClients, now: number): string {
  const ago = (time: string | undefined): string =>
    time === undefined ? 'not seen' : `last seen ${describeTime(now - Date.parse(time))} ago`;
  const gap = complete ? '' : ' (not observed all the time)';
  return `clients of the old CA ${ago(old)}, of the new CA ${ago(next)}${gap}`;
}

function describe({ listed }: RotationDetail, fingerprint: string): string {
  const ca = listed.find((one) => one.fingerprint === fingerprint);
  const text = ca === undefined ? 'not listed' : `${ca.subject}, until ${ca.notAfter.slice(0, 10)}`;
  return `${fingerprint.slice(0, 16)}  ${text}`;
}
