import { chmod, readFile, writeFile } from 'node:fs/promises';
import { makeTempDir } from '../kit/temp-dir.ts';

/** A pod, and the port on loopback at which its admin API listens in the test. */
export interface FakePod {
  readonly name: string;
  readonly namespace?: string;
  readonly port?: number;
  readonly deletionTimestamp?: string;
}

/**
 * A program named kubectl in a folder of its own, which lists these pods and forwards ports to them, as far as the
 * plugin asks it to. It writes down how it was called, and when it was asked to end.
 */
export async function fakeKubectl(pods: readonly FakePod[]) {
  const dir = await makeTempDir();
  const script = `#!${process.execPath}
const { appendFileSync } = require('node:fs');
const { connect, createServer } = require('node:net');
const pods = ${JSON.stringify(pods)};
const args = process.argv.slice(2);
const write = (line) => appendFileSync(${JSON.stringify(dir.join('calls'))}, line + '\\n');
write(args.join(' '));
if (args.includes('get')) {
  const items = pods.map(({ namespace = 'mesh', port, ...metadata }) => ({ metadata: { namespace, ...metadata } }));
  process.stdout.write(JSON.stringify({ items }));
} else {
  const pod = pods.find(({ name }) => args.includes('pod/' + name));
  if (pod.port === undefined) {
    process.stderr.write('noise\\nerror: unable to forward port because pod is not running\\n');
    process.exit(1);
  }
  appendFileSync(${JSON.stringify(dir.join('pids'))}, process.pid + '\\n');
  process.on('SIGTERM', () => { write('ended ' + pod.name); process.exit(143); });
  const server = createServer((socket) => {
    const there = connect(pod.port, '127.0.0.1');
    for (const [from, to] of [[socket, there], [there, socket]]) from.on('error', () => to.destroy()).pipe(to);
  });
  server.listen(0, '127.0.0.1', () =>
    process.stdout.write('Forwarding from 127.0.0.1:' + server.address().port + ' -> 5680\\n'));
}
`;
  await writeFile(dir.join('kubectl'), script);
  await chmod(dir.join('kubectl'), 0o755);
  return {
    env: { PATH: dir.path },
    calls: async (): Promise<readonly string[]> =>
      (await readFile(dir.join('calls'), 'utf8').catch(() => '')).split('\n').filter(Boolean),
    /** Ends the processes that still forward a port. */
    endOrphans: async (): Promise<void> => {
      for (const pid of (await readFile(dir.join('pids'), 'utf8')).split('\n').filter(Boolean))
        try {
          process.kill(Number(pid), 'SIGKILL');
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
        }
    },
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
}
