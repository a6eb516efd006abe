import assert from 'node:assert/strict';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { createWriteQueue, safeReport } from '../../../src/runtime/state/write-queue.ts';

/** Returns the warnings of the process that follow from the work. */
async function warningsOf(work: () => unknown): Promise<readonly string[]> {
  const warnings: string[] = [];
  const listener = ({ message }: Error): void => void warnings.push(message);
  process.on('warning', listener);
  await work();
  // Warnings arrive in the order in which they were emitted.
  const last = once(process, 'warning');
  process.emitWarning('the last one');
  await last;
  process.off('warning', listener);
  return warnings.slice(0, -1);
}

suite('writes to the state directory', () => {
  test('writes → run one at a time, in their order', async () => {
    const enqueue = createWriteQueue();
    const steps: string[] = [];
    const write = (name: string) => async (): Promise<void> => {
      steps.push(`${name} begins`);
      await new Promise((resolve) => setImmediate(resolve));
      steps.push(`${name} ends`);
    };
    await Promise.all([enqueue(write('a')), enqueue(write('b'))]);
    assert.deepEqual(steps, ['a begins', 'a ends', 'b begins', 'b ends']);
  });

  test('write that throws an error → a warning, once; the writes after it run', async () => {
    const enqueue = createWriteQueue();
    let writes = 0;
    const warnings = await warningsOf(async () => {
      for (let at = 0; at < 3; at += 1)
        await enqueue(async () => {
          writes += 1;
          throw new Error('a defect');
        });
    });
    assert.equal(writes, 3);
    assert.deepEqual(warnings, [
      'a write to the state directory ended early (later errors are not reported): Error: a defect',
    ]);
  });

  test('callback that throws an error → a warning, once; the caller goes on', async () => {
    const seen: string[] = [];
    const report = safeReport((message: string) => {
      seen.push(message);
      throw new Error('a defect');
    });
    const warnings = await warningsOf(() => {
      report('a');
      report('b');
    });
    assert.deepEqual(seen, ['a', 'b']);
    assert.deepEqual(warnings, [
      'a callback of the state directory threw an error (later errors are not reported): Error: a defect',
    ]);
  });
});
