import type { DirectServer } from '../../../src/xds/index.ts';

/** A server that ignores services and calls. Tests replace the methods that they observe. */
export const emptyServer: DirectServer = {
  addService: () => undefined,
  addStream: () => undefined,
  addUnary: () => undefined,
  methodAt: () => undefined,
  guardWith: () => undefined,
};
