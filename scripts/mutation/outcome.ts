/** Decides from the results of tests whether they noticed a change. Pure. */

/** A failed test, as `report-failures.ts` writes it. */
export interface Failure {
  readonly file: string;
  readonly name: string;
  /** The `failureType` of Node.js, such as `testCodeFailure`. */
  readonly kind: string;
}

export interface TestRun {
  readonly failures: readonly Failure[];
  readonly exitCode: number | null;
  /** The run was ended because it took too long. */
  readonly isOverLimit: boolean;
}

export type Outcome =
  | { readonly kind: 'noticed'; readonly by: Failure }
  /** Tests took too long, and none failed for another reason: an endless loop, or a slow machine. */
  | { readonly kind: 'timed-out'; readonly at: Failure | undefined }
  | { readonly kind: 'passed' };

/** A failure that follows from another one. */
const isConsequence = (kind: string): boolean => kind === 'subtestsFailed' || kind === 'cancelledByParent';
const isTimeout = (kind: string): boolean => kind === 'testTimeoutFailure' || kind === 'testAborted';

/** Returns true for a failure that decides the outcome: the run can end. */
export function isDecisive({ kind }: Failure): boolean {
  return !isConsequence(kind) && !isTimeout(kind);
}

/**
 * Returns the outcome of a run.
 *
 * @throws {Error} if the run failed without a failed test: then it says nothing about the change.
 */
export function outcomeOf({ failures, exitCode, isOverLimit }: TestRun): Outcome {
  const decisive = failures.find(isDecisive);
  if (decisive !== undefined) return { kind: 'noticed', by: decisive };
  const timeout = failures.find(({ kind }) => isTimeout(kind));
  if (timeout !== undefined || isOverLimit) return { kind: 'timed-out', at: timeout };
  // A test that awaits an event that never comes is cancelled when nothing is left to wait for.
  const cancelled = failures.find(({ kind }) => kind === 'cancelledByParent');
  if (cancelled !== undefined) return { kind: 'noticed', by: cancelled };
  if (exitCode !== 0)
    throw new Error(`the tests could not be run: exit code ${exitCode}, and no failed test`);
  return { kind: 'passed' };
}

/** Returns the failures in the output of `report-failures.ts`: one JSON text in each complete line. */
export function parseFailures(output: string): readonly Failure[] {
  const complete = output.slice(0, output.lastIndexOf('\n') + 1);
  return complete
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Failure);
}
