import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { followTlsFiles } from '../../src/net/follow-tls-files.ts';
import { makeSelfSignedLeaf } from '../kit/certificates.ts';
import { makeTempDir } from '../kit/temp-dir.ts';

const never = 3_600_000;

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
      never,
    );
    using _closing = { [Symbol.dispose]: () => files.close() };
    await write();
    await files.reload();
    assert.deepEqual([refused, files.current().fingerprint], [['cannot be applied'], loaded[0]]);
    await write();
    await files.reload();
    assert.deepEqual([refused.length, files.current().fingerprint], [1, loaded[2]]);
  });
});
