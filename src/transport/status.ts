/** gRPC status codes. https://github.com/grpc/grpc/blob/master/doc/statuscodes.md */
export const grpcStatus = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** The status of a call. */
export interface GrpcStatus {
  readonly code: number;
  readonly message: string;
  /** Further fields of the trailers: names in lower case, values in ASCII. */
  readonly trailers?: Fields | undefined;
}

/** Header fields, in order. */
export type Fields = readonly (readonly [name: string, value: string])[];
