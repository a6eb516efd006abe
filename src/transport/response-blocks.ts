import type { ServerConnection } from '../http2/connection.ts';
import { emptyTable, encodeIndexed, encodeLiteral } from '../http2/hpack/encode-field.ts';
import type { Fields, GrpcStatus } from './status.ts';

const statusOk = encodeIndexed(8);
const contentType = ['content-type', 'application/grpc'] as const;
const plainHeaders = Buffer.concat([statusOk, encodeLiteral(...contentType, 'none')]);
const firstHeaders = Buffer.concat([statusOk, encodeLiteral(...contentType, 'incremental')]);
const plainTrailers = encodeLiteral('grpc-status', '0', 'none');
const firstTrailers = encodeLiteral('grpc-status', '0', 'incremental');
/** Where the entry that was added last is, and the one before it (RFC 7541, section 2.3.3). */
const newest = 62;
const headersAfterOne = Buffer.concat([statusOk, encodeIndexed(newest)]);
const headersAfterTwo = Buffer.concat([statusOk, encodeIndexed(newest + 1)]);
const trailersAfterTwo = encodeIndexed(newest);

/** Size that both entries fit into, with room to spare. */
const enoughTable = 4096;
/** Characters of a message that are sent: it is for people. */
const longestMessage = 1024;

/**
 * The header blocks of the responses of one connection. The two fields that every call has are put into the client's
 * dynamic table by the first call, so that a call costs two bytes of headers and one of trailers after that.
 */
export class ResponseBlocks {
  readonly #connection: ServerConnection;
  /** Entries in the client's table: none, the content type, or the status after it. */
  #entries: 0 | 1 | 2 = 0;
  #shrunk = 0;

  constructor(connection: ServerConnection) {
    this.#connection = connection;
  }

  /** The header block that begins a response. */
  headers(metadata: Fields = []): Uint8Array {
    const prefix = this.#tableUpdate();
    let block: Uint8Array;
    if (!this.#mayIndex) block = plainHeaders;
    else if (this.#entries === 0) {
      this.#entries = 1;
      block = firstHeaders;
    } else block = this.#entries === 1 ? headersAfterOne : headersAfterTwo;
    return join(prefix, block, metadata);
  }

  /** The block that ends a response whose headers were sent. */
  trailers(status: GrpcStatus): Uint8Array {
    const prefix = this.#tableUpdate();
    if (status.code !== 0 || status.message !== '') return join(prefix, statusBlock(status), status.trailers);
    if (!this.#mayIndex || this.#entries === 0) return join(prefix, plainTrailers, status.trailers);
    const block = this.#entries === 1 ? firstTrailers : trailersAfterTwo;
    this.#entries = 2;
    return join(prefix, block, status.trailers);
  }

  /** The block of a response that is nothing but a status. */
  trailersOnly(status: GrpcStatus, metadata: Fields = []): Uint8Array {
    const fields = [...metadata, ...(status.trailers ?? [])];
    return join(this.#tableUpdate(), Buffer.concat([plainHeaders, statusBlock(status)]), fields);
  }

  get #mayIndex(): boolean {
    return this.#connection.settings.headerTableSize >= enoughTable && this.#shrunk === 0;
  }

  /** A client that made its table smaller has to hear of it, and then nothing is put into it any more. */
  #tableUpdate(): Uint8Array | undefined {
    if (this.#shrunk === this.#connection.settings.tableShrunk) return undefined;
    this.#shrunk = this.#connection.settings.tableShrunk;
    return emptyTable;
  }
}

/** The block of a response that is not gRPC: for a client that does not speak it. */
export function plainResponse(status: number): Uint8Array {
  return encodeLiteral(':status', String(status), 'none');
}

function statusBlock({ code, message }: GrpcStatus): Uint8Array {
  const status = encodeLiteral('grpc-status', String(code), 'none');
  if (message === '') return status;
  return Buffer.concat([status, encodeLiteral('grpc-message', percentEncoded(message), 'none')]);
}

function join(prefix: Uint8Array | undefined, block: Uint8Array, fields: Fields = []): Uint8Array {
  if (prefix === undefined && fields.length === 0) return block;
  const more = fields.map(([name, value]) => encodeLiteral(name, value, 'none'));
  return Buffer.concat([...(prefix === undefined ? [] : [prefix]), block, ...more]);
}

/** A message as `grpc-message` has it: ASCII, with other octets percent-encoded. */
function percentEncoded(message: string): string {
  let text = '';
  for (const byte of Buffer.from(message.slice(0, longestMessage), 'utf8')) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    text += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return text;
}
