import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { stepsOf } from '../../kit/doc-blocks.ts';
import { missingTool } from '../../kit/missing-tool.ts';
import { makePageStage, withoutVariable } from './page-stage.ts';
import type { Manner, Variable } from './page-stage.ts';

/** What a test must not do, and the test that covers the command instead. */
export interface Excuse {
  readonly notRun: string;
  /** A test file. */
  readonly coveredBy: string;
}

export type Plan = Excuse | (Manner & { readonly varies?: readonly Variable[] });

/** What a page needs. A command without an entry is run as it stands, and must print just what the page shows. */
export interface PagePlan {
  readonly page: string;
  /** By command; a list for a command that the page has several times. */
  readonly commands: Readonly<Record<string, Plan | readonly Plan[]>>;
  /** Whether the page shows all output: a command in a block of commands only must print nothing. */
  readonly showsAll?: boolean;
  readonly skip?: string | false;
}

/**
 * Returns the reason to skip a page that uses tools which are not on the PATH, or false.
 * @throws with `CI` set: a skipped test must not look like a passed one there.
 */
export function missingTools(...tools: readonly string[]): string | false {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const missing = tools.filter((tool) => !folders.some((folder) => existsSync(join(folder, tool))));
  if (missing.length === 0) return false;
  return missingTool(missing.join(', '), new Error('not on the PATH')).reason;
}

/** Runs each command of a page in its order, and compares its output with the page. */
export function runPage({ page, commands, showsAll = false, skip = false }: PagePlan): void {
  test(
    `${page}: each command works, and prints what the page shows`,
    { skip, timeout: 280_000 },
    async (t) => {
      const steps = stepsOf(await readFile(page, 'utf8'));
      const known = new Set(steps.map(({ command }) => command));
      assert.deepEqual(
        Object.keys(commands).filter((command) => !known.has(command)),
        [],
        'the test knows only commands of the page',
      );
      await using stage = await makePageStage();
      const planOf = planner(commands);
      for (const step of steps) {
        const plan = planOf(step.command);
        if ('notRun' in plan) {
          assert.ok(existsSync(plan.coveredBy), `${plan.coveredBy}, which covers ${step.command}`);
          t.diagnostic(`not run: ${step.command} (${plan.notRun}); ${plan.coveredBy}`);
          continue;
        }
        await t.test(step.command, async () => {
          await plan.prepare?.(stage);
          const { output, code } = await stage.run(step, plan);
          if (plan.until === undefined) assert.equal(code, plan.exitCode ?? 0, output);
          for (const [address] of step.comment.matchAll(/\b127\.0\.0\.1:\d+/g))
            assert.ok(output.includes(address), `${address} in ${output}`);
          const promised = step.output ?? (showsAll ? '' : undefined);
          if (promised === undefined || plan.instead !== undefined) return;
          const shown = plan.until === 'output' ? firstLines(output, promised) : output;
          const varies = plan.varies ?? [];
          assert.equal(withoutVariable(shown, varies), withoutVariable(promised, varies));
        });
      }
    },
  );
}

/** Returns a function that returns the plan of the next occurrence of a command. */
function planner(commands: PagePlan['commands']): (command: string) => Plan {
  const seen = new Map<string, number>();
  return (command) => {
    const index = seen.get(command) ?? 0;
    seen.set(command, index + 1);
    return [commands[command] ?? {}].flat()[index] ?? {};
  };
}

/** Returns as many lines of a text as another has. */
function firstLines(text: string, other: string): string {
  return text.split('\n').slice(0, other.split('\n').length).join('\n');
}
