import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { load } from 'js-yaml';

const root = new URL('../../', import.meta.url);
const folder = new URL('.github/workflows/', root);

interface Workflow {
  readonly permissions?: unknown;
  readonly jobs: Readonly<
    Record<string, { readonly 'timeout-minutes'?: number; readonly steps: readonly Step[] }>
  >;
}
interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

const names = (await readdir(folder)).filter((name) => name.endsWith('.yml'));
const workflows = await Promise.all(
  names.map(async (name) => {
    const text = await readFile(new URL(name, folder), 'utf8');
    return { name, text, workflow: load(text) as Workflow };
  }),
);
const { scripts } = JSON.parse(await readFile(new URL('package.json', root), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
};

suite('workflows', () => {
  test('all workflows: the gate, the analysis and the release', () => {
    assert.deepEqual(names.sort(), ['ci.yml', 'codeql.yml', 'release.yml']);
  });

  for (const { name, text, workflow } of workflows) {
    const jobs = Object.entries(workflow.jobs);
    const steps = jobs.flatMap(([, job]) => job.steps);

    test(`${name}: every action is pinned to a commit, with its version beside it`, () => {
      const uses = [...text.matchAll(/^\s*-?\s*uses: (.*)$/gm)].map(([, value]) => value ?? '');
      assert.equal(uses.length, steps.filter((step) => step.uses !== undefined).length);
      for (const value of uses) assert.match(value, /^[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    });

    test(`${name}: has read access only, unless a job says more, and ends every job in time`, () => {
      assert.deepEqual(workflow.permissions, { contents: 'read' });
      for (const [job, { 'timeout-minutes': minutes }] of jobs)
        assert.ok(minutes !== undefined && minutes <= 90, job);
    });

    test(`${name}: no checkout leaves its credentials behind`, () => {
      for (const step of steps)
        if (step.uses?.startsWith('actions/checkout@') === true)
          assert.equal(step.with?.['persist-credentials'], false);
    });

    test(`${name}: every npm script that it runs exists`, () => {
      for (const { run = '' } of steps)
        for (const [, script = ''] of run.matchAll(/npm run ([\w:-]+)/g))
          assert.ok(script in scripts, script);
    });
  }

  test('the gate of a pull request and that of a release: the same script', () => {
    for (const name of ['ci.yml', 'release.yml']) {
      const found = workflows.find((one) => one.name === name);
      assert.ok(found?.text.includes('run: bash .ci/run'), name);
    }
  });
});
