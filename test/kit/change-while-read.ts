import { readFileSync, writeFileSync } from 'node:fs';
import files from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import type { TestContext } from 'node:test';

/** Changes a file during each reading of it: after its content was read, and before the file is closed. */
export function changeWhileRead(t: TestContext, path: string, change: (text: string) => string): Disposable {
  const { open } = files;
  const mock = t.mock.method(files, 'open', async (...args: Parameters<typeof open>) => {
    const file = await open(...args);
    if (args[0] !== path) return file;
    const readFile = file.readFile.bind(file);
    const readAndChange = async (): Promise<Buffer> => {
      const content = await readFile();
      writeFileSync(path, change(readFileSync(path, 'utf8')));
      return content;
    };
    return Object.assign(file, { readFile: readAndChange });
  });
  syncBuiltinESMExports();
  return {
    [Symbol.dispose]: () => {
      mock.mock.restore();
      syncBuiltinESMExports();
    },
  };
}
