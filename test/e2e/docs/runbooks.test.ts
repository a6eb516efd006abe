import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import { test } from 'node:test';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { trackedFiles } from '../../kit/doc-blocks.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import type { PageStage } from './page-stage.ts';
import { edges, serve } from './scenes.ts';
import { missingTools, runPage } from './run-page.ts';
import type { PagePlan } from './run-page.ts';

const example = 'examples/trust/example-org-trust.yaml';
const live = '/etc/meshtrust/trust';
const noCluster = 'the server watches a folder here: there is no cluster';
const apply = { instead: [`rm ${live}/*; cp trust/* ${live}`, noCluster] } as const;

const runbooks = new Set<string>();

/** Runs the commands of a page of docs/runbooks. */
function runbook(name: string, commands: PagePlan['commands']): void {
  const page = `docs/runbooks/${name}.md`;
  runbooks.add(page);
  runPage({ page, commands, showsAll: true, skip: missingTools('jq', 'openssl', 'script') });
}

/** The rotation of the CA of a trust domain. */
function rotation() {
  const caOf = (year: number) =>
    makeCa({
      subject: [
        ['O', 'Example'],
        ['CN', `Example CA ${year}`],
      ],
    });
  const [before, after] = [caOf(2025), caOf(2026)];
  const trustOf = (...cas: readonly { readonly certPem: string }[]): string =>
    meshTrustYaml({
      name: 'example-org',
      trustDomain: 'example.org',
      pems: cas.map(({ certPem }) => certPem),
    });
  return {
    begin: async (stage: PageStage) => {
      await Promise.all([mkdir(stage.path('trust')), mkdir(stage.path(live))]);
      await stage.write(`${live}/example-org.yaml`, trustOf(before));
      await stage.write('trust/example-org.yaml', trustOf(before, after));
      await stage.write(
        'new-leaf.pem',
        makeLeaf(after, { commonName: 'web', spiffeId: 'spiffe://example.org/web' }).certPem,
      );
      await serve(stage, [live], edges(3));
    },
    removal: (stage: PageStage) => stage.write('trust/example-org.yaml', trustOf(after)),
  };
}

const rotated = rotation();

runbook('rotate', {
  'meshtrust diff trust/': [
    { prepare: rotated.begin, exitCode: 1, varies: ['hash', 'date'] },
    { prepare: rotated.removal, exitCode: 1, varies: ['hash', 'date'] },
  ],
  'kubectl apply -f trust/': [apply, apply],
  'meshtrust wait --mesh default --version "$(meshtrust bundle trust/ --mesh default -o json | jq -r .version)"':
    [{ varies: ['hash', 'progress', 'width'] }, { varies: ['hash', 'progress', 'width'] }],
  'meshtrust verify --leaf new-leaf.pem --mesh default': { varies: ['hash', 'date'] },
});

/** Takes away two of three trust domains at once. */
async function loseTrust(stage: PageStage): Promise<void> {
  const zones = ['zone-1.example', 'zone-2.example', 'zone-3.example'];
  const path = (zone: string): string => `${live}/${zone}.yaml`;
  await mkdir(stage.path(live));
  for (const trustDomain of zones) {
    const ca = makeCa({ commonName: `CA of ${trustDomain}` });
    await stage.write(
      path(trustDomain),
      meshTrustYaml({ name: trustDomain, trustDomain, pems: [ca.certPem] }),
    );
  }
  const server = await serve(stage, [live], edges(3), '--guard-hold=1h');
  for (const zone of zones.slice(1)) await rm(stage.path(path(zone)));
  await server.logged('the hold', ({ event }) => event === 'guard-held');
}

runbook('held-loss', {
  'meshtrust guard release --dry-run': { prepare: loseTrust, varies: ['age'] },
  'meshtrust guard release --mesh default --trust-domain zone-2.example': {
    answers: [/\[y\/N\] $/, 'y'],
    varies: ['age'],
  },
});

/** The first CA of the example. */
async function firstCa(): Promise<string> {
  const [pem = ''] =
    /-----BEGIN[^-]*-----[^-]*-----END[^-]*-----/.exec(await readFile(example, 'utf8')) ?? [];
  return `${pem.replaceAll(/^ +/gm, '')}\n`;
}

const kubernetes = 'it needs a cluster';

runbook('revoke', {
  'meshtrust bundle --mesh default': {
    prepare: async (stage) => {
      await stage.write('/etc/meshtrust/distrusted', '');
      await stage.write('ca.pem', await firstCa());
      await serve(stage, [example], edges(3), '--distrust=/etc/meshtrust/distrusted');
    },
  },
  'meshtrust revoke f5c7fd0a9a1640ae --distrust /etc/meshtrust/distrusted': {
    answers: [/\[y\/N\] $/, 'y'],
    varies: ['progress'],
  },
  "helm upgrade meshtrust deploy/helm/meshtrust --namespace meshtrust-system --reuse-values --set 'trust.distrust={HASH}'":
    { notRun: kubernetes, coveredBy: 'test/e2e/helm/chart.test.ts' },
  'until bundle=$(kubectl meshtrust --namespace meshtrust-system bundle --mesh default -o wide) && ! echo "$bundle" | grep HASH; do sleep 1; done':
    { notRun: kubernetes, coveredBy: 'test/e2e/cluster/kubectl-plugin.test.ts' },
  'kubectl meshtrust --namespace meshtrust-system wait --mesh default': {
    notRun: kubernetes,
    coveredBy: 'test/e2e/cluster/kubectl-plugin.test.ts',
  },
});

runbook('upgrade', {
  'meshtrust check': { prepare: (stage) => serve(stage, [example], edges(3)), varies: ['width'] },
});

runbook('onboard-zone', {
  'meshtrust export --mesh default --trust-domain default.zone-2.mesh.local --for-zone zone-1 --server http://zone-2.example:5680 > zone-2-trust.yaml':
    {
      prepare: (stage) => stage.serve(['examples/trust/zone-2-trust.yaml']),
    },
  'meshtrust diff --add zone-2-trust.yaml --mesh default': {
    prepare: async (stage) => {
      await mkdir(stage.path(live));
      await copyFile(example, stage.path(`${live}/example-org-trust.yaml`));
      await serve(stage, [live], edges(3));
    },
    exitCode: 1,
  },
  'kubectl apply -f zone-2-trust.yaml': { instead: [`cp zone-2-trust.yaml ${live}`, noCluster] },
  'meshtrust wait --mesh default --version "$version"': { varies: ['progress', 'width'] },
});

test('each runbook: is run by this test', () => {
  assert.deepEqual(trackedFiles('docs/runbooks/*.md'), [...runbooks].toSorted());
});
