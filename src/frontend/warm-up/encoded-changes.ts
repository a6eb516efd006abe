import { systemClock } from '../../runtime/clock.ts';
import { encodeSecret, secretContent } from '../../trust/secret/encode-secret.ts';
import type { RehearsalStage, RehearsedChanges } from './rehearsal.ts';

const secretName = 'spiffe://warm-up.test';
/** Size of a secret with one certificate, in bytes. */
const secretBytes = 2048;

/** Changes of a process that gets encoded secrets from another one, as a worker does. */
export function encodedChanges({ mesh, publish }: RehearsalStage): RehearsedChanges {
  let changes = 0;
  return {
    secretName,
    next() {
      changes += 1;
      const part = { bytes: Buffer.alloc(secretBytes, changes), hash: Buffer.from([changes]) };
      const secret = encodeSecret(secretName, secretContent([part]));
      const { version } = secret;
      const secrets = { version, secrets: new Map([[secretName, secret]]) };
      publish(new Map([[mesh, { secrets }]]), systemClock.wall());
    },
    settle: () => undefined,
  };
}
