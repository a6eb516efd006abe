import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

import { verifyLeaf } from '../../src/verify/verify-leaf.ts';
import { run } from '../cli/run.ts';
import { startEnvoy } from '../kit/envoy.ts';
import type { Envoy } from '../kit/envoy.ts';
import { meshTrustYaml } from '../kit/mesh-trust-text.ts';
import { startMeshtrust } from '../kit/meshtrust.ts';
import { poll } from '../kit/poll.ts';
import { makeTempDir } from '../kit/temp-dir.ts';
import { tryClient } from '../kit/tls-client.ts';
import { admissionCases } from '../verify/cases.ts';
import type { AdmissionCase, AdmissionCode } from '../verify/cases.ts';
import { assertLetIn, assertRefused, binaries, eachEnvoy, makeDomain, skip, startStage } from './stage.ts';

/** What Envoy 1.40 logs about a client that it refuses, by what `verify` says of it. */
const reasons: Readonly<Record<Exclude<AdmissionCode, 'admitted'>, RegExp>> = {
  unreadable: /CANNOT_PARSE_LEAF_CERT|BAD_|DECODE_ERROR/,
  'leaf-key-unusable': /PEER_DID_NOT_RETURN_A_CERTIFICATE/,
  'leaf-cannot-authenticate': /KEY_USAGE_BIT_INCORRECT/,
  'leaf-is-ca': /cert precheck/,
  'leaf-can-sign': /cert precheck/,
  'no-spiffe-id': /no trust bundle store/,
  'unknown-trust-domain': /no trust bundle store/,
  'no-path': /unable to get (?:local )?issuer certificate|self signed certificate in certificate chain/,
  'unknown-critical-extension': /unhandled critical extension/,
  'intermediate-not-ca': /invalid CA certificate/,
  'path-too-long': /path length constraint exceeded/,
  'bad-signature': /certificate signature failure/,
  'signature-unsupported': /certificate signature failure/,
  'anchor-not-yet-valid': /certificate is not yet valid/,
  'anchor-expired': /certificate has expired/,
  'intermediate-not-yet-valid': /certificate is not yet valid/,
  'intermediate-expired': /certificate has expired/,
  'leaf-not-yet-valid': /depth 0: certificate is not yet valid/,
  'leaf-expired': /depth 0: certificate has expired/,
  'name-not-permitted': /permitted subtree violation/,
  'name-excluded': /excluded subtree violation/,
  'name-unreadable': /unsupported or invalid name syntax/,
  'constraint-unsupported': /unsupported name constraint type/,
};

/** Whether the Envoy lets the client of a case in, or the line that it logs about it. */
async function decide(envoy: Envoy, { leaf, chain }: AdmissionCase): Promise<'admitted' | { why: string }> {
  const logged = envoy.log().length;
  const chainPem = chain.map(({ certPem }) => certPem).join('');
  const decision = await tryClient(envoy.port, { ...leaf, chainPem });
  if (decision === 'accepted') return 'admitted';
  const why = await poll(
    'the reason in the log of Envoy',
    () => /TLS_error:.*TLS_error_end/.exec(envoy.log().slice(logged))?.[0],
  );
  return { why };
}

test('verify says of each client what Envoy decides, and why', { skip }, async (t) => {
  await using dir = await makeTempDir();
  await using files = await makeTempDir();
  for (const { trustDomain, anchors, leaf, chain } of admissionCases) {
    const text = meshTrustYaml({
      name: trustDomain,
      trustDomain,
      pems: anchors.map(({ certPem }) => certPem),
    });
    await writeFile(dir.join(`${trustDomain}.yaml`), text);
    await writeFile(files.join(trustDomain), leaf.certPem + chain.map(({ certPem }) => certPem).join(''));
  }
  await using meshtrust = await startMeshtrust({ dirs: [dir.path] });
  const server = `http://127.0.0.1:${meshtrust.adminPort}`;

  const said = new Map<AdmissionCase, string>();
  for (const one of admissionCases) {
    const leaf = files.join(one.trustDomain);
    const { code, stdout } = await run(['verify', '--server', server, '--leaf', leaf, '-o', 'json']);
    const answer = JSON.parse(stdout) as { readonly verdict: string; readonly code?: string };
    assert.equal(code, answer.verdict === 'admitted' ? 0 : 1, one.title);
    said.set(one, answer.code ?? answer.verdict);
  }
  assert.ok(said.size >= 100, `only ${said.size} clients`);

  for (const [index, { path, version }] of binaries.entries()) {
    await t.test(version, async () => {
      await using envoy = await startEnvoy({
        path,
        transport: 'delta-ads',
        xdsPort: meshtrust.xdsPort,
        componentLogLevel: 'connection:debug',
      });
      assert.equal(await envoy.stat('sds.system_trust_bundle.update_rejected'), 0);
      const disagreements: object[] = [];
      for (const one of admissionCases) {
        const decided = await decide(envoy, one);
        const verify = said.get(one) ?? '';
        const agrees =
          decided === 'admitted' || verify === 'admitted'
            ? decided === verify
            : // The oldest Envoy does not log its reasons.
              index > 0 || reasons[verify as keyof typeof reasons].test(decided.why);
        if (!agrees) disagreements.push({ client: one.title, verify, envoy: decided });
      }
      if (disagreements.length > 0) console.table(disagreements);
      assert.deepEqual(disagreements, []);
    });
  }
});

test('a leaf expires with the beginning of the second that it names as its last', { skip }, async (t) => {
  const domain = makeDomain('a.test');
  await using stage = await startStage({ files: { 'a.yaml': domain.yaml() } });
  const end = Math.ceil(Date.now() / 1000 + 2) * 1000;
  const leaf = domain.client({ notAfter: new Date(end) });
  const input = {
    leaf: leaf.der,
    chain: [],
    domains: [
      { name: 'a.test', anchors: [{ fingerprint: '', rooting: 'as-listed', der: domain.ca.der } as const] },
    ],
  };
  assert.equal(verifyLeaf({ ...input, now: Date.now() }).kind, 'admitted');
  await eachEnvoy(t, stage.envoys, (envoy) => assertLetIn(envoy.port, leaf));
  await delay(end - Date.now() + 20);
  assert.equal(verifyLeaf({ ...input, now: Date.now() }).kind, 'refused');
  await eachEnvoy(t, stage.envoys, (envoy) => assertRefused(envoy.port, leaf));
});
