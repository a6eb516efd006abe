import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { mock } from 'node:test';

/** Lets each attempt to watch a file fail, as if no inotify watch were left, until it is disposed. */
export function withoutWatches(): Disposable {
  const { mock: mocked } = mock.method(fs, 'watch', (path: string) => {
    const message = `ENOSPC: System limit for number of file watchers reached, watch '${path}'`;
    throw Object.assign(new Error(message), { code: 'ENOSPC' });
  });
  syncBuiltinESMExports();
  return {
    [Symbol.dispose]: () => {
      mocked.restore();
      syncBuiltinESMExports();
    },
  };
}
