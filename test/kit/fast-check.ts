/**
 * fast-check with the seed of `seed.ts`. Tests import this module instead of the package, so that the seed is fixed
 * however a test file is started; the linter refuses the package.
 */
import { assert as assertProperty } from 'fast-check';
import type { IAsyncProperty, IProperty, Parameters } from 'fast-check';
import { hasTime, repeats, seed } from './seed.ts';

export * from 'fast-check';

/** `assert` of fast-check, with the seed of this run. A fuzz run repeats it with the seeds that follow. */
export function assert<T>(property: IAsyncProperty<T>, parameters?: Parameters<T>): Promise<void>;
export function assert<T>(property: IProperty<T>, parameters?: Parameters<T>): void;
export function assert<T>(
  property: IAsyncProperty<T> | IProperty<T>,
  parameters: Parameters<T> = {},
): Promise<void> | void {
  if (property.isAsync()) return assertAsync(property as IAsyncProperty<T>, parameters);
  assertProperty(property as IProperty<T>, { seed, ...parameters });
  for (let at = 1; at < repeats && hasTime(); at += 1)
    assertProperty(property as IProperty<T>, { ...parameters, seed: seed + at });
}

async function assertAsync<T>(property: IAsyncProperty<T>, parameters: Parameters<T>): Promise<void> {
  await assertProperty(property, { seed, ...parameters });
  for (let at = 1; at < repeats && hasTime(); at += 1)
    await assertProperty(property, { ...parameters, seed: seed + at });
}
