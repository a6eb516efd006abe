import type { IncomingMessage } from 'node:http';
import { FetchError } from './fetch-failure.ts';

/**
 * Reads a response of at most `maxBytes` as UTF-8.
 * @throws {FetchError} if it is longer, compressed, incomplete or not UTF-8.
 */
export async function readBody(response: IncomingMessage, maxBytes: number): Promise<string> {
  const { headers } = response;
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity')
    throw new FetchError('document', 'the response is compressed, which was not asked for');
  const tooLong = (): FetchError =>
    new FetchError('document', `the response is longer than ${maxBytes} bytes (--max-document-bytes)`);
  if (Number(headers['content-length']) > maxBytes) throw tooLong();
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw tooLong();
    chunks.push(chunk);
  }
  if (!response.complete) throw new FetchError('document', 'the response is incomplete');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new FetchError('document', 'the response is not UTF-8');
  }
}
