import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { followTlsFiles } from '../../src/net/follow-tls-files.ts';
import { certificatesOf } from '../../src/net/tls-material.ts';
import { makeCaPems, makeSelfSignedLeaf } from '../kit/certificates.ts';
import { changeWhileRead } from '../kit/change-while-read.ts';
import { makeTempDir } from '../kit/temp-dir.ts';
import type { TempDir } from '../kit/temp-dir.ts';

const never = 3_600_000;

/** Writes a certificate with its key, and CA certificates of clients. Returns the paths. */
async function writeTlsFiles(dir: TempDir, caPem: string) {
  const { certPem, keyPem } = makeSelfSignedLeaf();
  const paths = {
    certificate: dir.join('cert.pem'),
    key: dir.join('key.pem'),
    clientCa: dir.join('ca.pem'),
  };
  await writeFile(paths.certificate, certPem);
  await writeFile(paths.key, keyPem);
  await writeFile(paths.clientCa, caPem);
  return paths;
}

suite('followed TLS files', () => {
  test('listener that throws: the files are refused, the previous ones stay, and the next change is loaded', async () => {
    await using dir = await makeTempDir();
    const [certificate, key] = [dir.join('cert.pem'), dir.join('key.pem')];
    const write = async (): Promise<void> => {
      const { certPem, keyPem } = makeSelfSignedLeaf();
      await writeFile(certificate, certPem);
      await writeFile(key, keyPem);
    };
    await write();
    const loaded: string[] = [];
    const refused: string[] = [];
    const files = await followTlsFiles(
      { certificate, key, clientCa: undefined },
      {
        loaded: ({ fingerprint }) => {
          loaded.push(fingerprint);
          if (loaded.length === 2) throw new Error('cannot be applied');
        },
        refused: (reason) => refused.push(reason),
      },
      { pollMs: never },
    );
    using _closing = { [Symbol.dispose]: () => files.close() };
    await write();
    await files.reload();
    assert.deepEqual([refused, files.current().fingerprint], [['cannot be applied'], loaded[0]]);
    await write();
    await files.reload();
    assert.deepEqual([refused.length, files.current().fingerprint], [1, loaded[2]]);
  });

  test('CA file that is read in the middle of a write: is loaded once it is complete', async () => {
    await using dir = await makeTempDir();
    const [first, second, third] = makeCaPems('First', 'Second', 'Third');
    const paths = await writeTlsFiles(dir, first + second);
    const { clientCa } = paths;
    const loaded: number[] = [];
    let finishWrite: (() => void) | undefined;
    const files = await followTlsFiles(
      paths,
      {
        // Called after each read.
        check() {
          finishWrite?.();
          finishWrite = undefined;
          return undefined;
        },
        loaded: (material) => loaded.push(certificatesOf(material.clientCa ?? Buffer.alloc(0)).length),
        refused: assert.fail,
      },
      { pollMs: never },
    );
    using _closing = { [Symbol.dispose]: () => files.close() };
    await writeFile(clientCa, first);
    finishWrite = () => writeFileSync(clientCa, first + second + third);
    await files.reload();
    assert.deepEqual(loaded, [2, 3]);
  });

  test('CA file that changes again and again: a removed CA is trusted no more, and that is reported once', async () => {
    await using dir = await makeTempDir();
    const [first, second] = makeCaPems('First', 'Second');
    const paths = await writeTlsFiles(dir, first + second);
    const { clientCa } = paths;
    const loaded: number[] = [];
    let restless = 0;
    let readings = 0;
    let isBusy = false;
    const files = await followTlsFiles(
      paths,
      {
        // Called after each read.
        check() {
          readings += 1;
          if (isBusy) writeFileSync(clientCa, `# ${readings}\n${first}`);
          return undefined;
        },
        loaded: (material) => loaded.push(certificatesOf(material.clientCa ?? Buffer.alloc(0)).length),
        refused: assert.fail,
        restless: () => (restless += 1),
      },
      { pollMs: never, unrestMs: 300 },
    );
    using _closing = { [Symbol.dispose]: () => files.close() };
    isBusy = true;
    await writeFile(clientCa, first);
    await files.reload();
    await files.reload();
    assert.deepEqual([loaded, restless], [[2, 1, 1], 1]);
  });

  test('CA file that changes during each reading: is refused until it rests, even with the CAs of before', async (t) => {
    await using dir = await makeTempDir();
    const [first, second] = makeCaPems('First', 'Second');
    const paths = await writeTlsFiles(dir, first + second);
    const { clientCa } = paths;
    const loaded: number[] = [];
    const refused: string[] = [];
    const files = await followTlsFiles(
      paths,
      {
        loaded: (material) => loaded.push(certificatesOf(material.clientCa ?? Buffer.alloc(0)).length),
        refused: (reason) => refused.push(reason),
      },
      { pollMs: never, unrestMs: 200 },
    );
    using _closing = { [Symbol.dispose]: () => files.close() };
    await writeFile(clientCa, first);
    {
      using _changing = changeWhileRead(t, clientCa, (text) => `${text}#\n`);
      await files.reload();
    }
    assert.deepEqual([loaded, refused], [[2], ['one of the files changed each time while it was read']]);
    await writeFile(clientCa, first + second);
    await files.reload();
    assert.deepEqual([loaded, refused.length], [[2, 2], 1]);
  });
});
