import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';
import { followIdentityFiles, readBelow } from '../../../src/inputs/identity-files/follow-identity-files.ts';
import type { SourceEvent } from '../../../src/trust/source.ts';
import { makeCa } from '../../kit/certificates.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';

const ca = makeCa({ commonName: 'A' });
const next = makeCa({ commonName: 'B' });

suite('a file that a MeshIdentity names', () => {
  test('below the root, also behind links that stay below it: its text', async () => {
    await using dir = await makeTempDir();
    await mkdir(dir.join('root/deep'), { recursive: true });
    await writeFile(dir.join('root/deep/ca.pem'), ca.certPem);
    await symlink(dir.join('root/deep/ca.pem'), dir.join('root/link.pem'));
    await symlink(dir.join('root'), dir.join('other-name'));
    for (const [root, path] of [
      ['root', 'root/deep/ca.pem'],
      ['root', 'root/link.pem'],
      ['other-name', 'root/deep/ca.pem'],
      ['root', 'other-name/deep/ca.pem'],
    ] as const)
      assert.equal(await readBelow(dir.join(root), dir.join(path)), ca.certPem);
  });

  test('anything else: refused', async () => {
    await using dir = await makeTempDir();
    await mkdir(dir.join('root/folder'), { recursive: true });
    await mkdir(dir.join('root-2'));
    await writeFile(dir.join('root-2/ca.pem'), ca.certPem);
    await symlink(dir.join('root-2/ca.pem'), dir.join('root/link.pem'));
    await writeFile(dir.join('root/key.pem'), ca.certPem + ca.keyPem);
    await writeFile(dir.join('root/long.pem'), 'a'.repeat(700_001));
    await promisify(execFile)('mkfifo', [dir.join('root/pipe.pem')]);
    const root = dir.join('root');
    for (const [path, reason] of [
      [dir.join('root-2/ca.pem'), /outside of --identity-root/],
      [dir.join('root/link.pem'), /outside of --identity-root/],
      [`${root}/../root-2/ca.pem`, /not absolute, or contains \.\./],
      ['root/ca.pem', /not absolute/],
      [root, /outside of --identity-root/],
      [dir.join('root/folder'), /not a regular file/],
      [dir.join('root/pipe.pem'), /not a regular file/],
      ['/proc/self/environ', /outside of --identity-root/],
      [dir.join('root/long.pem'), /longer than 700000 bytes/],
      [dir.join('root/key.pem'), /has a private key/],
      [dir.join('root/absent.pem'), /no such file/],
    ] as const)
      await assert.rejects(readBelow(root, path), reason, path);
  });
});

suite('following the files that MeshIdentities name', () => {
  test('defect in a reading: a failure, and the next readings follow', async () => {
    await using dir = await makeTempDir();
    const path = dir.join('ca.pem');
    await writeFile(path, ca.certPem);
    const kinds: string[] = [];
    const arrivals = new EventEmitter();
    let isBroken = true;
    const source = followIdentityFiles(
      { name: 'identity files', root: dir.path, pollMs: 5, settleMs: 1 },
      (batch) => {
        if (isBroken && batch.some(({ kind }) => kind === 'content')) {
          isBroken = false;
          throw new Error('a defect');
        }
        kinds.push(...batch.map(({ kind }) => kind));
        arrivals.emit('batch');
      },
    );
    await using _ = { [Symbol.asyncDispose]: () => source.close() };
    const until = async (kind: string): Promise<void> => {
      while (!kinds.includes(kind)) await once(arrivals, 'batch', { signal: AbortSignal.timeout(30_000) });
    };
    source.follow(new Set([path]));
    await until('recovered');
    assert.deepEqual(kinds, ['synced', 'failed', 'recovered']);
    await writeFile(dir.join('next.pem'), next.certPem);
    await rename(dir.join('next.pem'), path);
    await until('content');
  });

  test('changes, failures and files that are no longer named: an event each', async () => {
    await using dir = await makeTempDir();
    const path = dir.join('ca.pem');
    await writeFile(path, ca.certPem);
    const events: SourceEvent[] = [];
    const source = followIdentityFiles(
      { name: 'identity files', root: dir.path, pollMs: 20, settleMs: 5 },
      (batch) => void events.push(...batch),
    );
    await using _ = { [Symbol.asyncDispose]: () => source.close() };
    const kindsAfter = (count: number): Promise<readonly string[]> =>
      poll(`${count} events`, () =>
        Promise.resolve(events.length < count ? undefined : events.map(({ kind }) => kind)),
      );
    assert.deepEqual(events, [{ kind: 'synced' }]);
    source.follow(new Set([path]));
    assert.deepEqual(await kindsAfter(2), ['synced', 'content']);
    await writeFile(dir.join('next.pem'), next.certPem);
    await rename(dir.join('next.pem'), path);
    await kindsAfter(3);
    await rm(path);
    await kindsAfter(4);
    source.follow(new Set());
    assert.deepEqual(await kindsAfter(5), ['synced', 'content', 'content', 'unreadable', 'gone']);
    const texts = events.flatMap((event) => (event.kind === 'content' ? [event.text] : []));
    assert.deepEqual(
      texts.map((text) => Buffer.from((JSON.parse(text) as { data: string }).data, 'base64').toString()),
      [ca.certPem, next.certPem],
    );
  });
});
