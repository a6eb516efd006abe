import type { ServerConnection } from '../http2/connection.ts';
import { emptyTable, encodeIndexed, encodeLiteral } from '../http2/hpack/encode-field.ts';
import { connectionSpecific } from '../http2/hpack/header-field.ts';
import type { Fields, GrpcStatus } from './status.ts';

const statusOk = encodeIndexed(8);
const contentType = ['content-type', 'application/grpc'] as const;
const plainHeaders = Buffer.concat([statusOk, encodeLiteral(...contentType, 'none')]);
const firstHeaders = Buffer.concat([statusOk, encodeLiteral(...contentType, 'incremental')]);
const plainTrailers = encodeLiteral('grpc-status', '0', 'none');
const firstTrailers = encodeLiteral('grpc-status', '0', 'incremental');
/** The index of the newest entry; the entry before it follows (RFC 7541, section 2.3.3). */
const newest = 62;
const headersAfterOne = Buffer.concat([statusOk, encodeIndexed(newest)]);
const headersAfterTwo = Buffer.concat([statusOk, encodeIndexed(newest + 1)]);
const trailersAfterTwo = encodeIndexed(newest);

const noFields: Fields = [];

/** A table size that both entries fit into, with a margin. */
const enoughTable = 4096;
/** Maximum length of a status message, in characters: it is for people. */
const maxMessageLength = 1024;

/**
 * Encodes the header blocks of the responses of one connection. The first call adds the two fields that all calls have
 * to the client's dynamic table. Later calls need two bytes of headers and one byte of trailers.
 */
export class ResponseBlocks {
  readonly #connection: ServerConnection;
  /** Entries in the client's table: 1 is the content type, 2 are the content type and the status. */
  #entries: 0 | 1 | 2 = 0;
  #shrunk = 0;

  constructor(connection: ServerConnection) {
    this.#connection = connection;
  }

  /** Returns the header block that begins a response. */
  headers(metadata: Fields = noFields): Uint8Array {
    const prefix = this.#tableUpdate();
    let block: Uint8Array;
    if (!this.#mayIndex) block = plainHeaders;
    else if (this.#entries === 0) {
      this.#entries = 1;
      block = firstHeaders;
    } else block = this.#entries === 1 ? headersAfterOne : headersAfterTwo;
    return join(prefix, block, metadata);
  }

  /** Returns the header block that ends a response whose headers were sent. */
  trailers(status: GrpcStatus): Uint8Array {
    const prefix = this.#tableUpdate();
    if (status.code !== 0 || status.message !== '') return join(prefix, statusBlock(status), status.trailers);
    if (!this.#mayIndex || this.#entries === 0) return join(prefix, plainTrailers, status.trailers);
    const block = this.#entries === 1 ? firstTrailers : trailersAfterTwo;
    this.#entries = 2;
    return join(prefix, block, status.trailers);
  }

  /** Returns the header block of a response that consists of a status only. */
  trailersOnly(status: GrpcStatus): Uint8Array {
    return join(this.#tableUpdate(), Buffer.concat([plainHeaders, statusBlock(status)]), status.trailers);
  }

  /** Returns the header block of a plain HTTP response, for clients that do not speak gRPC. */
  plain(status: number): Uint8Array {
    return join(this.#tableUpdate(), encodeLiteral(':status', String(status), 'none'));
  }

  get #mayIndex(): boolean {
    return this.#connection.settings.headerTableSize >= enoughTable && this.#shrunk === 0;
  }

  /**
   * Returns a size update if the client made its table smaller, which the next block has to begin with. The table is
   * not used after that.
   */
  #tableUpdate(): Uint8Array | undefined {
    if (this.#shrunk === this.#connection.settings.tableShrunk) return undefined;
    this.#shrunk = this.#connection.settings.tableShrunk;
    return emptyTable;
  }
}

function statusBlock({ code, message }: GrpcStatus): Uint8Array {
  const status = encodeLiteral('grpc-status', String(code), 'none');
  if (message === '') return status;
  return Buffer.concat([status, encodeLiteral('grpc-message', percentEncoded(message), 'none')]);
}

/** Joins the parts of a block. Omits fields that are about a connection of HTTP/1.1. */
function join(prefix: Uint8Array | undefined, block: Uint8Array, fields: Fields = noFields): Uint8Array {
  if (prefix === undefined && fields.length === 0) return block;
  const more = fields
    .filter(([name]) => !connectionSpecific.has(name))
    .map(([name, value]) => encodeLiteral(name, value, 'none'));
  return Buffer.concat([...(prefix === undefined ? [] : [prefix]), block, ...more]);
}

/** Encodes a message for `grpc-message`: ASCII, with other octets percent-encoded. */
function percentEncoded(message: string): string {
  let text = '';
  for (const byte of Buffer.from(message.slice(0, maxMessageLength), 'utf8')) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    text += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  // A header value must not begin or end with a space (RFC 9113, section 8.2.1).
  return text.replaceAll(/^ | $/g, '%20');
}
