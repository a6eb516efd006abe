/**
 * Warms up, prints "warm", and then does what a server does for the first time: it changes a sum of
 * prom-client, and after "probe" it serves a probe. `compiled-code.test.ts` runs it with `--trace-deopt`.
 */
import { Counter, Registry } from 'prom-client';
import { serveProbe } from '../../../src/frontend/warm-up/serve-probe.ts';
import { warmUp } from '../../../src/frontend/warm-up/warm-up.ts';
import { warmUpOptions } from './warm-up-options.ts';

await warmUp(warmUpOptions);
console.log('warm');
const counter = new Counter({
  name: 'events',
  help: 'events',
  labelNames: ['kind'],
  registers: [new Registry()],
});
counter.inc({ kind: 'change' });
counter.inc({ kind: 'change' });
console.log('probe');
await serveProbe();
