/** A reporter of `node --test`: one line of JSON for each failed test. */
import { relative } from 'node:path';
import type { TestEvent } from 'node:test/reporters';
import type { Failure } from './outcome.ts';

export default async function* reportFailures(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    if (event.type !== 'test:fail') continue;
    const { name, file = '', details } = event.data;
    const kind = 'failureType' in details.error ? String(details.error.failureType) : 'unknown';
    const failure: Failure = { file: relative('', file), name, kind };
    yield `${JSON.stringify(failure)}\n`;
  }
}
