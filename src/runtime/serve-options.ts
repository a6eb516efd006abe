/** Everything `meshtrust serve` can be told. */
export interface ServeOptions {
  readonly version: string;
  readonly dirs: readonly string[];
  /** The cluster to watch; `namespace` is undefined for all of them, `kubeconfig` for the usual rules. */
  readonly kubernetes?: KubernetesOptions | undefined;
  readonly webhook?: WebhookOptions | undefined;
  /** `HOST:PORT` or `unix:PATH`. */
  readonly xdsListen: string;
  /** What serves proxies: `@grpc/grpc-js`, or `src/transport`. Default: `grpc-js`. */
  readonly xdsTransport?: 'grpc-js' | 'own' | undefined;
  readonly adminListen: string;
  /** Beyond loopback it must be there, and the token file or a client authority with it. */
  readonly adminTls?: TlsFiles | undefined;
  readonly adminTokenFile?: string | undefined;
  readonly probeListen?: string | undefined;
  readonly defaultMesh: string;
  readonly rootTrustDomain?: string | undefined;
  readonly refuseIntermediates?: boolean | undefined;
  readonly distrust?: string | undefined;
  readonly stateDir?: string | undefined;
  /** Milliseconds. */
  readonly guardHold: number;
  /** Milliseconds. */
  readonly drainGrace: number;
  readonly tls: TlsFiles | undefined;
  readonly maxDocumentBytes: number;
  readonly maxCertificates: number;
  readonly maxNames: number;
  readonly maxStreams?: number | undefined;
  /** Streams a second, beyond the burst. */
  readonly openRate: number;
  readonly openBurst: number;
  readonly maxConnectionStreams: number;
  readonly maxRequestBytes: number;
  /** Milliseconds, as those below. For the TLS handshake, the first request, and a request that has begun. */
  readonly requestTimeout: number;
  readonly slowTimeout: number;
  readonly keepalive: number;
  readonly keepaliveTimeout: number;
  /** How long roll-outs wait for a lost proxy; 0: not at all. Default: 10 minutes. */
  readonly lostWindow?: number | undefined;
  /** 0 for none. */
  readonly maxConnectionAge: number;
  /** Processes that serve proxies; with one it is this process. */
  readonly workers: number;
  readonly cacheBytes: number;
  readonly caMetrics: boolean;
  /** Whether each change becomes a trace; where to is said by the environment alone. */
  readonly tracing?: boolean | undefined;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly logFormat: 'json' | 'pretty' | 'auto';
}

export interface KubernetesOptions {
  readonly namespace: string | undefined;
  readonly kubeconfig: string | undefined;
  /** Where it is told what became of each object; undefined: nowhere. */
  readonly status?: KubernetesStatusOptions | undefined;
}

export interface KubernetesStatusOptions {
  /** Name of the Lease whose holder writes. */
  readonly lease: string;
  /** Undefined: that of the pod, or else `watched`. */
  readonly leaseNamespace: string | undefined;
  readonly watched: string;
}

/** The admission webhook, which the API server asks about each change of a MeshTrust. */
export interface WebhookOptions {
  /** `HOST:PORT`. */
  readonly listen: string;
  readonly certificate: WebhookCertificate;
}

/** Where its certificate comes from. */
export type WebhookCertificate =
  | { readonly kind: 'files'; readonly certificate: string; readonly key: string }
  /** Made by the replicas, and kept in a Secret. */
  | {
      readonly kind: 'secret';
      readonly secret: string;
      /** Name of the ValidatingWebhookConfiguration that is to trust it. */
      readonly configuration: string;
      /** Undefined: that of the pod, or else `watched`. */
      readonly namespace: string | undefined;
      readonly watched: string;
    };

export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
  /** Authorities that must have signed the certificates of proxies. */
  readonly clientCa: string | undefined;
}

/** What of the options is about proxies: whoever serves them needs it, be it a process of its own. */
export const proxyOptionNames = [
  'defaultMesh',
  'keepalive',
  'keepaliveTimeout',
  'lostWindow',
  'maxConnectionAge',
  'maxConnectionStreams',
  'maxNames',
  'maxRequestBytes',
  'maxStreams',
  'openBurst',
  'openRate',
  'requestTimeout',
  'rootTrustDomain',
  'slowTimeout',
  'tls',
  'version',
  'xdsListen',
  'xdsTransport',
] as const satisfies readonly (keyof ServeOptions)[];

export type ProxyOptions = Pick<ServeOptions, (typeof proxyOptionNames)[number]>;
