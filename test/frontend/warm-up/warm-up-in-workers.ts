import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';
import { serveProbe } from '../../../src/frontend/warm-up/serve-probe.ts';
import { wiresOverLoopback } from '../../../src/frontend/warm-up/wires.ts';

// Run by a test: two workers that use the sockets of a warm-up at the same time. Prints the errors as JSON.

const workers = 2;
const rounds = 20;

async function useSockets(): Promise<void> {
  using wires = await wiresOverLoopback((socket) => void socket.resume());
  for (let round = 0; round < rounds; round += 1) {
    (await wires.connect()).close();
    await serveProbe();
  }
}

if (cluster.isPrimary) {
  cluster.setupPrimary({ exec: fileURLToPath(import.meta.url) });
  const results = Array.from({ length: workers }, async () => {
    const worker = cluster.fork();
    const { promise, resolve } = Promise.withResolvers<unknown>();
    worker.once('message', resolve);
    const result = await promise;
    worker.kill();
    return result;
  });
  process.stdout.write(JSON.stringify(await Promise.all(results)));
} else {
  const result = await useSockets().then(
    () => 'done',
    (error: unknown) => String(error),
  );
  process.send?.(result);
}
