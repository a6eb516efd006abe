import type { ClientRequest, IncomingMessage } from 'node:http';

/**
 * Waits for the response to a request.
 * @throws {Error} the error of the request, or an error if the request ended without a response.
 */
export function responseOf(request: ClientRequest): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  // This listener stays after the response: a later abort emits an error again.
  request.on('error', reject);
  request.on('response', resolve);
  // Status 101 with a field Upgrade ends a request without an error, and an abort has no effect after that.
  request.on('close', () => reject(new Error('the server ended the connection without a response')));
  return promise;
}
