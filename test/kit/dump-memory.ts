// Loaded into the program (`--import`). At SIGUSR2 it writes a heap snapshot, which has all strings, and the bytes of
// all buffers, which a snapshot does not have. Both have only what the program still refers to.
import { Session } from 'node:inspector';
import { closeSync, openSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { writeHeapSnapshot } from 'node:v8';

// Otherwise small buffers share a slab, which keeps the bytes of those that are no longer referred to.
Buffer.poolSize = 0;
const { DUMP_DIR: dir = '.' } = process.env;

/** Returns all arrays of bytes, also of type Buffer, after a garbage collection. */
function allBytes(session: Session): readonly Uint8Array[] {
  let found: readonly Uint8Array[] = [];
  const scope = globalThis as { keepBytes?: (all: readonly Uint8Array[]) => void };
  scope.keepBytes = (all) => (found = all);
  session.post('Runtime.evaluate', { expression: 'Uint8Array.prototype' }, (_, prototype) => {
    const prototypeObjectId = prototype.result.objectId ?? '';
    session.post('Runtime.queryObjects', { prototypeObjectId }, (_error, { objects }) => {
      session.post('Runtime.callFunctionOn', {
        objectId: objects.objectId,
        functionDeclaration: 'function () { keepBytes(this); }',
      });
    });
  });
  delete scope.keepBytes;
  return found;
}

process.on('SIGUSR2', () => {
  const session = new Session();
  session.connect();
  const file = openSync(join(dir, 'buffers.part'), 'w');
  for (const bytes of allBytes(session)) {
    // The prototypes are found as well.
    if (ArrayBuffer.isView(bytes) && bytes.byteLength > 0) writeSync(file, bytes);
    writeSync(file, '\n');
  }
  closeSync(file);
  session.disconnect();
  writeHeapSnapshot(join(dir, 'strings.part'));
  renameSync(join(dir, 'buffers.part'), join(dir, 'buffers'));
  renameSync(join(dir, 'strings.part'), join(dir, 'strings'));
});
