import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { MeshCertificates } from '../../../src/api/certificate-api-types.ts';
import { trustedDomains } from '../../../src/cli/commands/verify-command.ts';
import type { RefusalCode } from '../../../src/trust/verify/verdict.ts';
import { verifyLeaf } from '../../../src/trust/verify/verify-leaf.ts';
import { run } from '../../cli/run.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { startEnvoy } from '../../kit/envoy.ts';
import type { Envoy } from '../../kit/envoy.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import type { Meshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { seed } from '../../kit/seed.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { tryClient } from '../../kit/tls-client.ts';
import { admissionCases } from '../../trust/verify/cases.ts';
import type { AdmissionCase, AdmissionCode } from '../../trust/verify/cases.ts';
import { randomCases } from '../../trust/verify/random-cases.ts';
import {
  assertLetIn,
  assertRefused,
  binaries,
  eachEnvoy,
  skipWithoutEnvoys as skip,
} from '../../kit/both-envoys.ts';
import { makeDomain } from '../../kit/domain.ts';
import { startStage } from './stage.ts';

/** What Envoy 1.40 logs about a client that it refuses, by what `verify` says of it. */
const reasons: Readonly<Record<Exclude<AdmissionCode, 'admitted'>, RegExp>> = {
  'message-too-long': /EXCESSIVE_MESSAGE_SIZE/,
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
  'constraint-unsupported':
    /(?:unsupported name constraint type|unsupported or invalid name constraint syntax)/,
  // Envoy reads alternative names for the trust domain before it builds a path.
  'invalid-extension':
    /invalid or inconsistent certificate extension|NESTED_ASN1_ERROR.*no trust bundle store/,
  'too-many-names': /unspecified certificate verification error|unknown certificate verification error/,
  'invalid-policy': /invalid or inconsistent certificate policy extension/,
  'no-explicit-policy': /no explicit policy/,
};

/** A client, and the certificates that its trust domain lists. */
type Client = Pick<AdmissionCase, 'trustDomain' | 'anchors' | 'leaf' | 'chain'>;

/** The result of `verify` for a client: admitted, or the code of the reason. */
interface Answer {
  readonly code: AdmissionCode;
  /** Whether Envoy 1.36 may take another anchor than 1.40. */
  readonly contested: boolean;
}

/** Starts the program with a trust domain for each client. */
async function serve(stack: AsyncDisposableStack, clients: readonly Client[]): Promise<Meshtrust> {
  const dir = stack.use(await makeTempDir());
  for (const { trustDomain, anchors } of clients) {
    const text = meshTrustYaml({
      name: trustDomain,
      trustDomain,
      pems: anchors.map(({ certPem }) => certPem),
    });
    await writeFile(dir.join(`${trustDomain}.yaml`), text);
  }
  // Some of what is listed at random is not served at all.
  return stack.use(await startMeshtrust({ dirs: [dir.path], args: ['--guard-hold', '0'] }));
}

/** Connects each client to each Envoy. Fails with a table of clients for which Envoy and `verify` disagree. */
async function compare<One extends Client>(
  t: TestContext,
  { xdsPort }: Meshtrust,
  answers: ReadonlyMap<One, Answer>,
  describe: (client: One) => string,
): Promise<void> {
  for (const [index, { path, version }] of binaries.entries()) {
    const isNewest = index === 0;
    await t.test(version, async () => {
      const componentLogLevel = 'connection:debug';
      await using envoy = await startEnvoy({ path, transport: 'delta-ads', xdsPort, componentLogLevel });
      assert.equal(await envoy.stat('sds.system_trust_bundle.update_rejected'), 0);
      const disagreements: object[] = [];
      for (const [client, { code, contested }] of answers) {
        const decided = await decide(envoy, client);
        const agrees =
          decided === 'admitted' || code === 'admitted'
            ? decided === code || (contested && !isNewest)
            : // The oldest Envoy does not log its reasons.
              !isNewest || reasons[code].test(decided.why);
        if (!agrees) disagreements.push({ client: describe(client), verify: code, envoy: decided });
      }
      if (disagreements.length > 0) console.table(disagreements);
      assert.deepEqual(disagreements, []);
    });
  }
}

/** Returns whether Envoy accepts a client, or the line that it logs about the rejection. */
async function decide(envoy: Envoy, { leaf, chain }: Client): Promise<'admitted' | { readonly why: string }> {
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

test('verify: has the decision of Envoy for each client, and its reason', { skip }, async (t) => {
  await using stack = new AsyncDisposableStack();
  const meshtrust = await serve(stack, admissionCases);
  const server = `http://127.0.0.1:${meshtrust.adminPort}`;
  const files = stack.use(await makeTempDir());
  const answers = new Map<AdmissionCase, Answer>();
  for (const one of admissionCases) {
    const file = files.join(one.trustDomain);
    await writeFile(file, one.leaf.certPem + one.chain.map(({ certPem }) => certPem).join(''));
    const { code, stdout } = await run(['verify', '--server', server, '--leaf', file, '-o', 'json']);
    const answer = JSON.parse(stdout) as { readonly verdict: 'admitted'; readonly code?: RefusalCode };
    assert.equal(code, answer.verdict === 'admitted' ? 0 : 1, one.title);
    answers.set(one, { code: answer.code ?? answer.verdict, contested: false });
  }
  assert.ok(answers.size >= 100, `only ${answers.size} clients`);
  await compare(t, meshtrust, answers, ({ title }) => title);
});

test('CAs in random order: verify decides as Envoy does', { skip }, async (t) => {
  t.diagnostic(`seed ${seed}`);
  await using stack = new AsyncDisposableStack();
  const cases = randomCases(seed, 100);
  const meshtrust = await serve(stack, cases);
  const { body } = await meshtrust.admin('/api/v1/meshes/default/certificates');
  const domains = trustedDomains(JSON.parse(body) as MeshCertificates);
  const answers = new Map(
    cases.map((one) => {
      const chain = one.chain.map(({ der }) => der);
      const verdict = verifyLeaf({ leaf: one.leaf.der, chain, domains, now: Date.now() });
      const code = verdict.kind === 'admitted' ? verdict.kind : verdict.code;
      return [one, { code, contested: verdict.contested.length > 0 }] as const;
    }),
  );
  const admitted = [...answers.values()].filter(({ code }) => code === 'admitted').length;
  assert.ok(admitted > 10 && admitted < 90, `${admitted} of 100 are let in`);
  await compare(t, meshtrust, answers, ({ plan }) => `seed ${seed}: ${JSON.stringify(plan)}`);
});

test('three CAs of one name among 24: Envoy uses the one that verify says', { skip }, async (t) => {
  await using stack = new AsyncDisposableStack();
  const plain = { commonName: 'Triplet', subjectKeyId: false, authorityKeyId: undefined } as const;
  const clients = [0, 1, 2].map((which) => {
    const trustDomain = `t${which}.test`;
    const triplets = [makeCa(plain), makeCa(plain), makeCa(plain)] as const;
    const others = Array.from({ length: 21 }, (_, index) => makeCa({ commonName: `CA ${index}` }));
    const leaf = makeLeaf(triplets[which] ?? triplets[0], {
      ...plain,
      spiffeId: `spiffe://${trustDomain}/x`,
    });
    return { trustDomain, anchors: [...others, ...triplets], leaf, chain: [] };
  });
  const meshtrust = await serve(stack, clients);
  const { body } = await meshtrust.admin('/api/v1/meshes/default/certificates');
  const domains = trustedDomains(JSON.parse(body) as MeshCertificates);
  const answers = new Map(
    clients.map((client) => {
      const verdict = verifyLeaf({ leaf: client.leaf.der, chain: [], domains, now: Date.now() });
      assert.equal(verdict.uncertain, undefined);
      const code = verdict.kind === 'admitted' ? verdict.kind : verdict.code;
      return [client, { code, contested: true }] as const;
    }),
  );
  await compare(t, meshtrust, answers, ({ trustDomain }) => trustDomain);
});

test('the last second of a certificate begins: it has expired', { skip }, async (t) => {
  const end = Math.ceil(Date.now() / 1000 + 8) * 1000;
  const a = makeDomain('a.test');
  const b = makeDomain('b.test', makeCa({ commonName: 'CA that ends', notAfter: new Date(end) }));
  await using stage = await startStage({ files: { 'a.yaml': a.yaml(), 'b.yaml': b.yaml() } });
  const clients = [a.leaf({ notAfter: new Date(end) }), b.client];
  const domains = [a, b].map(({ name, ca: { der } }) => ({
    name,
    anchors: [{ fingerprint: '', rooting: 'as-listed', der } as const],
  }));
  const codes = () =>
    clients.map(({ der }) => {
      const verdict = verifyLeaf({ leaf: der, chain: [], domains, now: Date.now() });
      return verdict.kind === 'admitted' ? verdict.kind : verdict.code;
    });
  for (const client of clients) {
    await eachEnvoy(t, stage.envoys, (envoy) => assertLetIn(envoy.port, client));
  }
  assert.deepEqual(codes(), ['admitted', 'admitted']);
  await delay(end - Date.now() + 20);
  assert.deepEqual(codes(), ['leaf-expired', 'anchor-expired']);
  for (const client of clients) {
    await eachEnvoy(t, stage.envoys, (envoy) => assertRefused(envoy.port, client));
  }
});
