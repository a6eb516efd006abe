import type { PublicationRule } from '../trust/federation/publication-rule.ts';
import type { Linger } from '../trust/identity/superseded.ts';

/** All options of `meshtrust serve`. */
export interface ServeOptions {
  readonly version: string;
  /** Address of the documentation of this version, with a slash at its end. */
  readonly documentation?: string | undefined;
  readonly dirs: readonly string[];
  /** The cluster to watch; `namespace` is undefined for all of them, `kubeconfig` for the usual rules. */
  readonly kubernetes?: KubernetesOptions | undefined;
  readonly webhook?: WebhookOptions | undefined;
  /** The SPIFFE bundle endpoint; `undefined` if no bundle is published. */
  readonly bundleEndpoint?: BundleEndpointOptions | undefined;
  /** `HOST:PORT` or `unix:PATH`. */
  readonly xdsListen: string;
  /** The transport that serves proxies: `src/transport`, or `@grpc/grpc-js`. Default: `own`. */
  readonly xdsTransport?: 'own' | 'grpc-js' | undefined;
  /** Where proxies may send their access logs: `HOST:PORT` or `unix:PATH`. `undefined`: nowhere. */
  readonly accessLogListen?: string | undefined;
  readonly adminListen: string;
  /** Required beyond loopback, together with a token file or a client CA. */
  readonly adminTls?: TlsFiles | undefined;
  readonly adminTokenFile?: string | undefined;
  readonly probeListen?: string | undefined;
  readonly defaultMesh: string;
  /** How MeshIdentities are read; `undefined` if they are not. */
  readonly identities?: IdentityOptions | undefined;
  /** How bundles of other trust domains are fetched; `undefined` if they are not. */
  readonly federation?: FederationOptions | undefined;
  /** Where the trust of other zones comes from; `undefined` if it is not imported. */
  readonly imports?: ImportOptions | undefined;
  readonly rootTrustDomain?: string | undefined;
  readonly refuseIntermediates?: boolean | undefined;
  readonly distrust?: string | undefined;
  readonly stateDir?: string | undefined;
  /** Milliseconds. */
  readonly guardHold: number;
  /** Milliseconds. */
  readonly drainGrace: number;
  readonly tls: TlsFiles | undefined;
  /** How proxies authenticate. `undefined`: they do not. */
  readonly xdsAuth?: XdsAuthOptions | undefined;
  /** File of the rules that say which mesh and node id a client may have. `undefined`: any. */
  readonly xdsAccess?: string | undefined;
  /** Age at which the client of an open stream is judged again, in ms; 0 or absent for never. */
  readonly xdsMaxStreamAge?: number | undefined;
  readonly maxDocumentBytes: number;
  readonly maxCertificates: number;
  readonly maxNames: number;
  readonly maxStreams?: number | undefined;
  /** Streams per second, beyond the burst. */
  readonly openRate: number;
  readonly openBurst: number;
  readonly maxConnectionStreams: number;
  readonly maxRequestBytes: number;
  /** Milliseconds, as those below. For the TLS handshake, the first request, and a request that has begun. */
  readonly requestTimeout: number;
  readonly slowTimeout: number;
  readonly keepalive: number;
  readonly keepaliveTimeout: number;
  /** How long roll-outs wait for a lost proxy, 10 minutes by default; 0 for not at all. */
  readonly lostWindow?: number | undefined;
  /** 0 for none. */
  readonly maxConnectionAge: number;
  /** Number of processes that serve proxies; with 1, this process serves them. */
  readonly workers: number;
  readonly cacheBytes: number;
  readonly caMetrics: boolean;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly logFormat: 'json' | 'pretty' | 'auto';
}

/** The ways in which proxies can authenticate. */
export const xdsAuthMethods = ['mtls', 'token', 'none'] as const;

export type XdsAuthMethod = (typeof xdsAuthMethods)[number];

/** How proxies authenticate. Any one of the methods suffices. */
export interface XdsAuthOptions {
  readonly methods: readonly XdsAuthMethod[];
  /** How tokens are reviewed. `undefined`: they are not. */
  readonly token?: TokenAuthOptions | undefined;
  /** The mesh whose served trust verifies client certificates. `undefined`: the client CA of the TLS files does. */
  readonly clientTrust?: string | undefined;
}

/** How the API server reviews the tokens of proxies. */
export interface TokenAuthOptions {
  readonly audience: string;
  /** Time for which an accepted token is not reviewed again, in ms. */
  readonly cacheMs: number;
  /** An issuer whose tokens the API server accepts, although none of its published keys has signed them. */
  readonly otherIssuer?: string | undefined;
  /** `undefined`: the usual rules. */
  readonly kubeconfig: string | undefined;
}

/** How MeshTrusts are derived from MeshIdentities. */
export interface IdentityOptions {
  /** The zone of MeshIdentities without the label `kuma.io/zone`. */
  readonly zone: string | undefined;
  /** The zones in which a MeshIdentity without that label has a trust domain each. */
  readonly zones: readonly string[];
  readonly linger: Linger;
  /** The folder below which CA certificates may be that MeshIdentities name as files. */
  readonly root?: string | undefined;
  /** Secrets of the cluster with CA certificates of MeshIdentities. */
  readonly secrets?: readonly NamespacedName[] | undefined;
}

export interface NamespacedName {
  readonly namespace: string;
  readonly name: string;
}

/** How the bundles of ClusterFederatedTrustDomains are fetched. */
export interface FederationOptions {
  /** The class of those that are read. */
  readonly className: string | undefined;
  /** Whether those without a class are read. */
  readonly classless: boolean;
  /** A file of CA certificates (PEM) that `https_web` trusts beside the usual roots. */
  readonly webCa: string | undefined;
  readonly denyPrivate: boolean;
  readonly minIntervalMs: number;
  readonly maxIntervalMs: number;
  /** 0 for no maximum. */
  readonly maxAgeMs: number;
}

/** How the trust of other zones is imported from the Global control plane. */
interface ImportOptions {
  /** The zone of this server. */
  readonly zone: string;
  /** Trust domains for which a zone may vouch, besides those of the MeshIdentities of the Global control plane. */
  readonly granted: ReadonlyMap<string, ReadonlySet<string>>;
  readonly linger: Linger;
  readonly from: ImportCluster | ImportApi;
}

/** The REST API of a Global control plane. */
export interface ImportApi {
  readonly kind: 'api';
  readonly url: string;
  readonly tokenFile: string | undefined;
  readonly ca: string | undefined;
}

/** The cluster of a Global control plane on Kubernetes. */
export interface ImportCluster {
  readonly kind: 'cluster';
  readonly kubeconfig: string;
  readonly context: string | undefined;
  readonly namespace: string;
}

export interface KubernetesOptions {
  readonly namespace: string | undefined;
  readonly kubeconfig: string | undefined;
  /** How status and Events are written; undefined if they are not. */
  readonly status?: KubernetesStatusOptions | undefined;
}

interface KubernetesStatusOptions {
  /** Name of the Lease whose holder writes. */
  readonly lease: string;
  /** Undefined for the namespace of the pod, or else `watched`. */
  readonly leaseNamespace: string | undefined;
  readonly watched: string;
}

/** The HTTPS server that publishes SPIFFE bundles. */
export interface BundleEndpointOptions {
  /** `HOST:PORT`. */
  readonly listen: string;
  /** `web`: a certificate of a web PKI. `spiffe`: an X509-SVID. */
  readonly profile: 'web' | 'spiffe';
  readonly certificate: string;
  readonly key: string;
  readonly rules: readonly PublicationRule[];
  readonly refreshSeconds: number;
  /** Responses per second. */
  readonly perSecond: number;
}

/** The admission webhook, which the API server calls for each change of a MeshTrust. */
export interface WebhookOptions {
  /** `HOST:PORT`. */
  readonly listen: string;
  readonly certificate: WebhookCertificate;
}

/** The source of the webhook's certificate. */
export type WebhookCertificate =
  | { readonly kind: 'files'; readonly certificate: string; readonly key: string }
  /** The replicas make it, and keep it in a Secret. */
  | {
      readonly kind: 'secret';
      readonly secret: string;
      /** Name of the ValidatingWebhookConfiguration that gets its CA. */
      readonly configuration: string;
      /** Undefined for the namespace of the pod, or else `watched`. */
      readonly namespace: string | undefined;
      readonly watched: string;
    };

export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
  /** CAs of the certificates of proxies. */
  readonly clientCa: string | undefined;
}

/** The options about proxies, which a worker needs as well. */
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
  'xdsAuth',
  'xdsListen',
  'xdsMaxStreamAge',
  'xdsTransport',
] as const satisfies readonly (keyof ServeOptions)[];

export type ProxyOptions = Pick<ServeOptions, (typeof proxyOptionNames)[number]>;
