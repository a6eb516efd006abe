/** The tests that should notice a change in a file. */

/** By the beginning of the file's path in `src`: the tests, the nearest first, because most changes fail there. */
const nearest: readonly (readonly [prefix: string, tests: readonly string[]])[] = [
  ['xds/core/', ['test/xds/core/*.test.ts', 'test/xds/server/*.test.ts', 'test/xds/loopback/*.test.ts']],
  [
    'xds/small/',
    ['test/xds/small/*.test.ts', 'test/xds/{core,server}/*.test.ts', 'test/xds/loopback/*.test.ts'],
  ],
  [
    'xds/',
    ['test/xds/{wire,rate}/*.test.ts', 'test/xds/{core,server}/*.test.ts', 'test/xds/loopback/*.test.ts'],
  ],
  // Not `h2spec.test.ts`, which needs a tool.
  ['http2/', ['test/http2/!(h2spec).test.ts', 'test/transport/**/*.test.ts']],
  // Most rooms print texts and read JSON.
  ['text/', ['test/text/*.test.ts', 'test/{trust,access,net,observe,cli}/**/*.test.ts']],
  ['kubernetes/status/', ['test/kubernetes/status/**/*.test.ts']],
  ['kubernetes/webhook/', ['test/kubernetes/webhook/**/*.test.ts']],
  ['bundle-endpoint/', ['test/bundle-endpoint/core/*.test.ts', 'test/bundle-endpoint/*.test.ts']],
];

/** Returns patterns of test files. Each is run by itself, in this order, until one notices the change. */
export function testsOf(file: string): readonly string[] {
  const path = file.replace(/^src\//, '');
  const listed = nearest.find(([prefix]) => path.startsWith(prefix));
  if (listed !== undefined) return listed[1];
  const [, stage] = /^(trust\/[^/]+)\//.exec(path) ?? [];
  if (stage !== undefined)
    return [`test/${stage}/**/*.test.ts`, 'test/trust/**/*.test.ts', 'test/runtime/**/*.test.ts'];
  return [`test/${path.replace(/\/.*/, '')}/**/*.test.ts`];
}
