import { rename, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { makeCa } from '../../kit/certificates.ts';
import { bundled, identityText } from '../../kit/mesh-identities.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import { untilServed } from './served.ts';

test('a MeshIdentity whose CA is a file below --identity-root: is trusted, and follows the file', async () => {
  await using dir = await makeTempDir();
  await using root = await makeTempDir();
  await using outside = await makeTempDir();
  const [a, b] = [makeCa({ commonName: 'A' }), makeCa({ commonName: 'B' })];
  await writeFile(root.join('ca.pem'), a.certPem);
  await writeFile(outside.join('ca.pem'), b.certPem);
  const identity = (name: string, path: string): string =>
    identityText({
      name,
      spec: bundled({ type: 'File', file: { path } }, { trustDomain: `${name}.example` }),
    });
  const files = watchedDir(dir.path);
  await files.put('inside.yaml', identity('inside', root.join('ca.pem')));
  await using server = await startMeshtrust({
    dirs: [dir.path],
    args: ['--identities', `--identity-root=${root.path}`, '--identity-linger=0'],
  });
  await untilServed(server, ['inside.example: A']);
  await files.put('outside.yaml', identity('outside', outside.join('ca.pem')));
  await server.logged(
    'the file outside of the root',
    ({ code, msg }) => code === 'MT001' && String(msg).includes('outside of --identity-root'),
  );
  await writeFile(root.join('next.pem'), b.certPem);
  await rename(root.join('next.pem'), root.join('ca.pem'));
  await untilServed(server, ['inside.example: B']);
});
