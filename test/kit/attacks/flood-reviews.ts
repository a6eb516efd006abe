// Run as a process of its own: PORT CLIENTS MILLISECONDS. CLIENTS clients send the webhook at PORT of this machine one
// expensive review after the other. Prints `flooding` once the first response, or the first refusal, is in.
import { Agent, request } from 'node:https';

const [port = 0, clients = 0, milliseconds = 0] = process.argv.slice(2).map(Number);

function review(operation: string, spec: unknown): string {
  const object = { metadata: { name: 'a', namespace: 'b', uid: 'c' }, spec };
  const resource = { group: 'kuma.io', version: 'v1alpha1', resource: 'meshtrusts' };
  return JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { uid: 'd', resource, operation, object, oldObject: object },
  });
}

const block = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const bodies: readonly Buffer[] = [
  '['.repeat(7_000_000),
  '['.repeat(3_000_000),
  review('CREATE', {
    trustDomain: 'a.test',
    caBundles: Array.from({ length: 400_000 }, (_, index) => index % 10),
  }),
  review('CREATE', {
    trustDomain: 'a.test',
    caBundles: [{ type: 'Pem', pem: { value: block.repeat(14_000) } }],
  }),
  review('UPDATE', {
    trustDomain: 'a.test',
    caBundles: Array.from({ length: 1500 }, () => ({ type: 'Pem', pem: { value: block } })),
  }),
].map((text) => Buffer.from(text));

let isFirst = true;
function responded(): void {
  if (isFirst) console.log('flooding');
  isFirst = false;
}

function flood(agent: Agent, index: number): void {
  const next = (): void => {
    responded();
    setImmediate(() => flood(agent, index + 1));
  };
  const call = request({
    agent,
    host: '127.0.0.1',
    port,
    path: '/validate',
    method: 'POST',
    rejectUnauthorized: false,
    headers: { 'content-type': 'application/json' },
  });
  call.on('response', (response) =>
    response
      .resume()
      .on('close', next)
      .on('error', () => undefined),
  );
  call.on('error', next);
  call.end(bodies[index % bodies.length]);
}

for (let client = 0; client < clients; client += 1)
  flood(new Agent({ keepAlive: true, maxSockets: 1 }), client);
setTimeout(() => process.exit(), milliseconds);
