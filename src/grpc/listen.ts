import type { Server, ServerCredentials } from '@grpc/grpc-js';
import { formatListenAddress, parseListenAddress } from '../net/listen-address.ts';
import { removeStaleSocket } from '../net/stale-socket.ts';

/**
 * Binds a server to `HOST:PORT` or `unix:PATH`; resolves with the address, port 0 replaced by the actual one.
 * @throws {Error} that names the address, when it is taken or is none.
 */
export async function listenGrpc(
  server: Server,
  text: string,
  credentials: ServerCredentials,
): Promise<string> {
  const address = parseListenAddress(text);
  if (address.kind === 'unix') await removeStaleSocket(address.path);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(formatListenAddress(address), credentials, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(new Error(`cannot listen on ${text}: ${reasonOf(error)}`, { cause: error }));
    });
  });
  return formatListenAddress(address.kind === 'unix' ? address : { ...address, port });
}

/** grpc-js puts the reasons of all addresses that a name stands for into brackets, after how many they are. */
function reasonOf({ message }: Error): string {
  return /errors: \[(.+)\]$/.exec(message)?.[1] ?? message;
}
