import type { ErrorCode } from './frame.ts';

/** A connection error: the client violated the protocol, so GOAWAY is sent with this code (RFC 9113, section 5.4.1). */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly code: ErrorCode;
  /** Debug data of the GOAWAY. Some clients react to it. */
  readonly debugData: string;

  constructor(code: ErrorCode, message: string, debugData = '') {
    super(message);
    this.code = code;
    this.debugData = debugData;
  }
}
