import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { suite, test } from 'node:test';
import { identityRoutes } from '../../src/admin/identity-routes.ts';
import type { IdentityInput } from '../../src/admin/identity-routes.ts';
import type { Identity } from '../../src/trust/model/mesh-trust.ts';
import { makeCa } from '../kit/certificates.ts';
import { bundled, hour, identityText, inline, makeRig } from '../kit/mesh-identities.ts';

const a = makeCa({ commonName: 'A' });
const b = makeCa({ commonName: 'B' });

async function answer(
  input: IdentityInput,
  method: string,
  query = '',
): Promise<{ status: number; body: unknown }> {
  const route = identityRoutes(input).find((one) => one.method === method);
  const { status, body } = (await route?.answer([], new URLSearchParams(query))) ?? assert.fail();
  return { status, body: JSON.parse(body) };
}

suite('admin API: MeshIdentities', () => {
  test('a MeshIdentity with a replaced CA, one of SPIRE and a broken one: each with its state', async () => {
    const rig = makeRig({ zone: 'z' });
    const certificate = inline(b.certPem);
    const expiry = { bundled: { ca: { certificate }, certificateParameters: { expiry: '1h' } } };
    rig.apply({
      'a.yaml': identityText({ spec: bundled(inline(a.certPem)) }),
      'b.yaml': identityText({ name: 'spire', spec: { provider: { type: 'Spire' } } }),
      'c.yaml': identityText({ name: 'broken', spec: { provider: {} } }),
    });
    rig.apply({ 'a.yaml': identityText({ spec: bundled(certificate, expiry) }) }, 0);
    const { status, body } = await answer({ identities: () => rig.stage.view() }, 'GET');
    assert.equal(status, 200);
    const of = { mesh: 'default', namespace: '', superseded: [], trustDomains: [] };
    assert.deepEqual(body, {
      read: true,
      identities: [
        { ...of, name: 'broken', path: 'c.yaml', state: 'invalid' },
        {
          ...of,
          name: 'identity',
          path: 'a.yaml',
          kri: 'kri_mid_default_z__identity_',
          state: 'trust',
          trustDomains: [{ name: 'a.example', certificates: [certificateOf(b)] }],
          superseded: [
            {
              ...certificateOf(a),
              trustDomain: 'a.example',
              until: new Date(120 * hour + 10_000).toISOString(),
            },
          ],
        },
        { ...of, name: 'spire', path: 'b.yaml', kri: 'kri_mid_default_z__spire_', state: 'none' },
      ],
    });
  });

  test('a server that does not read them: says so', async () => {
    assert.deepEqual((await answer({}, 'GET')).body, { read: false, identities: [] });
    assert.deepEqual((await answer({}, 'POST', 'mesh=m&name=n')).body, { released: 0 });
  });

  test('release: exactly one MeshIdentity is named', async () => {
    const released: Identity[] = [];
    const input: IdentityInput = {
      releaseSuperseded(identity) {
        released.push(identity);
        return 2;
      },
    };
    for (const query of [
      '',
      'mesh=m',
      'name=n',
      'mesh=&name=n',
      'mesh=m&name=',
      'mesh=m&name=n&all=1',
      'mesh=m&name=n&name=o',
    ])
      assert.equal((await answer(input, 'POST', query)).status, 400, query);
    assert.deepEqual(await answer(input, 'POST', 'mesh=m&name=n'), { status: 200, body: { released: 2 } });
    await answer(input, 'POST', 'mesh=m&name=n&namespace=s');
    assert.deepEqual(released, ['m//n', 'm/s/n']);
  });
});

function certificateOf({ der, certPem }: { der: Buffer; certPem: string }): {
  fingerprint: string;
  subject: string;
} {
  const name = certPem === a.certPem ? 'A' : 'B';
  return { fingerprint: hash('sha256', der), subject: `CN=${name}` };
}
