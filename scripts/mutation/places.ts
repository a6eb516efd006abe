/** The places of a source text that can be changed, and the choice of some of them. Pure. */
import { randomNumbers } from '../../test/kit/seed.ts';

/** A place in a file, with its text before and after the change. */
export interface Mutation {
  readonly file: string;
  readonly line: number;
  readonly index: number;
  readonly before: string;
  readonly after: string;
}

/** The replacements. Each pattern matches the text that is replaced. */
const exchanges: readonly (readonly [pattern: RegExp, after: (found: string) => string])[] = [
  [/(?<= )===(?= )/g, () => '!=='],
  [/(?<= )!==(?= )/g, () => '==='],
  [/(?<= )<(?= )/g, () => '<='],
  [/(?<= )>(?= )/g, () => '>='],
  [/(?<= )<=(?= )/g, () => '<'],
  [/(?<= )>=(?= )/g, () => '>'],
  [/(?<= )&&(?= )/g, () => '||'],
  [/(?<= )\|\|(?= )/g, () => '&&'],
  [/(?<= )\+(?= [\w(])/g, () => '-'],
  [/(?<= )-(?= [\w(])/g, () => '+'],
  [/(?<=[( ])true(?=[;,) ])/g, () => 'false'],
  [/(?<=[( ])false(?=[;,) ])/g, () => 'true'],
  [/(?<=[( ])!(?=[a-z(])/g, () => ''],
  [/(?<== |[<>] |\()\d+(?=[;,) ])/g, (found) => String(Number(found) + 1)],
  [/(?<=^ +)return (?!undefined;)[^;\n]+;/gm, () => 'return undefined as never;'],
];

/** Returns the text with blanks instead of comments and string contents, so that patterns do not match in them. */
function codeOnly(text: string): string {
  const blank = (found: string): string => found.replaceAll(/[^\n]/g, '_');
  return text
    .replaceAll(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/[^\n]*/g, blank)
    .replaceAll(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g, blank);
}

/** Finds all places of a file that can be changed. Skips lines that only declare types. */
export function mutationsOf(file: string, text: string): readonly Mutation[] {
  const code = codeOnly(text);
  return exchanges.flatMap(([pattern, after]) =>
    [...code.matchAll(pattern)].flatMap(({ 0: found, index }) => {
      const before = text.slice(index, index + found.length);
      const start = text.lastIndexOf('\n', index) + 1;
      const end = text.indexOf('\n', index);
      const wholeLine = code.slice(start, end === -1 ? undefined : end);
      if (/^\s*(?:import|export (?:type|interface)|type|interface|readonly|\|) /.test(wholeLine)) return [];
      const line = text.slice(0, index).split('\n').length;
      return [{ file, line, index, before, after: after(before) }];
    }),
  );
}

/** Returns the text of the file with the change. */
export function mutate(text: string, { index, before, after }: Mutation): string {
  return text.slice(0, index) + after + text.slice(index + before.length);
}

/** Returns the room of a file below `src`: the longest of these rooms that contains it, or `undefined`. */
export function roomOf(file: string, rooms: readonly string[]): string | undefined {
  return rooms
    .filter((room) => file.startsWith(`src/${room}/`))
    .reduce<string | undefined>(
      (found, room) => (room.length > (found?.length ?? 0) ? room : found),
      undefined,
    );
}

/**
 * Returns all mutations in a random order in which the rooms take turns, so that the first N of them reach a small
 * room as often as a large one. The order depends on the seed alone.
 */
export function shuffle(
  mutations: readonly Mutation[],
  rooms: readonly string[],
  seed: number,
): readonly Mutation[] {
  const random = randomNumbers(seed);
  const shuffled = mutations
    .map((mutation) => ({ mutation, rank: random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ mutation }) => mutation);
  const byRoom = Map.groupBy(shuffled, ({ file }) => roomOf(file, rooms));
  const ordered = rooms.map((room) => byRoom.get(room) ?? []);
  const turns = Math.max(0, ...ordered.map((ofRoom) => ofRoom.length));
  return Array.from({ length: turns }, (_, turn) =>
    ordered.flatMap((ofRoom) => ofRoom.slice(turn, turn + 1)),
  ).flat();
}

/** Splits mutations into rounds with one mutation of each file at most. */
export function roundsOf(mutations: readonly Mutation[]): readonly (readonly Mutation[])[] {
  const rounds: Mutation[][] = [];
  for (const ofFile of Map.groupBy(mutations, ({ file }) => file).values())
    for (const [round, mutation] of ofFile.entries()) (rounds[round] ??= []).push(mutation);
  return rounds;
}
