/** The tests of `npm run test:unit` and `npm run coverage`, which follow from the list of rooms. */
import { existsSync } from 'node:fs';
import { pureRooms, rooms } from '../scripts/lint/rooms.ts';

/** Rooms and folders whose tests are nearly as fast as those of the pure rooms. */
const nearlyPure: readonly string[] = ['lint', 'fleet', 'runtime', 'api', 'page', 'xds/timers'];

/** `h2spec.test.ts` needs a tool. */
const inFolder = (folder: string): string =>
  folder === 'http2' ? 'test/http2/!(h2spec).test.ts' : `test/${folder}/**/*.test.ts`;

/** Patterns of the tests of the pure rooms, and of what is nearly pure. */
export const unitTests: readonly string[] = [...pureRooms, ...nearlyPure].map(inFolder);

/** Patterns of the tests of all rooms: those that need no tool, except for a few. */
export const roomTests: readonly string[] = [
  ...new Set(Object.keys(rooms).map((room) => room.replace(/\/.*/, ''))),
]
  .filter((folder) => folder !== '' && existsSync(new URL(folder, import.meta.url)))
  .map((folder) => `test/${folder}/**/*.test.ts`);
