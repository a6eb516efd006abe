import type { ErrorCode } from './frame.ts';

/** The client broke a rule of the protocol: the connection ends with this code (RFC 9113, section 5.4.1). */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly code: ErrorCode;
  /** Debug data for GOAWAY, for clients that react to it. */
  readonly debugData: string;

  constructor(code: ErrorCode, message: string, debugData = '') {
    super(message);
    this.code = code;
    this.debugData = debugData;
  }
}
