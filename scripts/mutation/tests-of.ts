import { unitTests } from '../../test/test-folders.ts';
import { pureRooms } from '../lint/rooms.ts';
import { roomOf } from './places.ts';

/** Tests over loopback of what stands on the pure rooms. */
const loopbackTests = [
  'test/xds/{server,loopback}/**/*.test.ts',
  'test/transport/**/*.test.ts',
  'test/kubernetes/{status,webhook}/**/*.test.ts',
  'test/bundle-endpoint/*.test.ts',
];

/**
 * Returns groups of patterns of test files that may notice a change in a file, the nearest first, because most changes
 * fail there: those of its room, of all pure rooms, and over loopback. Most of the files do not load the changed one.
 */
export function testsOf(file: string): readonly (readonly string[])[] {
  const room = roomOf(file, pureRooms);
  return [
    ...(room === undefined ? [] : [unitTests.filter((pattern) => pattern.startsWith(`test/${room}/`))]),
    unitTests,
    loopbackTests,
  ];
}
