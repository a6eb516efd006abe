{{/*
The name of the objects: the name of the release, followed by the name of the chart unless it contains it. The name of a
Service has no dots, which the name of a release may have.
*/}}
{{- define "meshtrust.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | replace "." "-" | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | replace "." "-" | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | replace "." "-" | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* The selector of the pods of this release. It can never change. */}}
{{- define "meshtrust.selectorLabels" -}}
app.kubernetes.io/name: "{{ default .Chart.Name .Values.nameOverride }}"
app.kubernetes.io/instance: "{{ .Release.Name }}"
{{- end }}

{{- define "meshtrust.labels" -}}
{{ include "meshtrust.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "meshtrust.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "meshtrust.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{/* Rejects values that contradict each other. A schema could do the same, but its errors do not name the cause. */}}
{{- define "meshtrust.checkValues" -}}
{{- if hasKey .Values "replicas" -}}
{{- fail "replicas: the value is called replicaCount" -}}
{{- end -}}
{{- if not .Values.image.repository -}}
{{- fail "image.repository is not set: no image is published yet. Build it with the Dockerfile of the repository, push it, and name it: --set image.repository=registry.example/meshtrust" -}}
{{- end -}}
{{- if not (or .Values.kubernetes.enabled .Values.directories) -}}
{{- fail "kubernetes.enabled=false needs directories: there is no other source of MeshTrusts" -}}
{{- end -}}
{{- with .Values.xds -}}
{{- $auth := include "meshtrust.xdsAuth" $ -}}
{{- if and (ne "none" $auth) (not .tls.secretName) (not .tls.requireClientCertificate) -}}
{{- fail (printf "xds.auth=%s needs xds.tls.secretName: without TLS, credentials could be read and trust changed on the way" $auth) -}}
{{- end -}}
{{- if and .tls.requireClientCertificate .tls.clientTrust -}}
{{- fail "give either xds.tls.requireClientCertificate or xds.tls.clientTrust: a CA of the Secret, or the trust of a mesh" -}}
{{- end -}}
{{- if and (contains "mtls" $auth) (not (or .tls.requireClientCertificate .tls.clientTrust)) -}}
{{- fail "xds.auth=mtls needs xds.tls.requireClientCertificate=true or xds.tls.clientTrust" -}}
{{- end -}}
{{- if and (not (contains "mtls" $auth)) (or .tls.requireClientCertificate .tls.clientTrust) -}}
{{- fail "xds.tls.requireClientCertificate and xds.tls.clientTrust need mtls in xds.auth" -}}
{{- end -}}
{{- if and (contains "none" $auth) .access -}}
{{- fail "xds.access needs xds.auth=mtls or token, without none: no rule is about clients without credentials" -}}
{{- end -}}
{{- end -}}
{{- with .Values.xds.tls -}}
{{- if and .requireClientCertificate (not .secretName) -}}
{{- fail "xds.tls.requireClientCertificate=true needs xds.tls.secretName: a Secret with tls.crt, tls.key, and in ca.crt the CA of the proxies' certificates" -}}
{{- end -}}
{{- end -}}
{{- with .Values.admin -}}
{{- if and .enabled (not .tls.secretName) -}}
{{- fail "admin.enabled=true needs admin.tls.secretName: a Secret with tls.crt, tls.key and ca.crt" -}}
{{- end -}}
{{- if and .enabled (not (or .tls.clientCertificates .tokenSecretName)) -}}
{{- fail "admin.enabled=true needs admin.tokenSecretName or admin.tls.clientCertificates=true: without both, the API would answer every client" -}}
{{- end -}}
{{- end -}}
{{- with .Values.webhook -}}
{{- if and .enabled (not $.Values.kubernetes.enabled) -}}
{{- fail "webhook.enabled=true needs kubernetes.enabled=true: the webhook reviews the MeshTrusts of the cluster" -}}
{{- end -}}
{{- if and .certificate.caBundle (not .certificate.secretName) -}}
{{- fail "webhook.certificate.caBundle needs webhook.certificate.secretName: the Secret with the certificate that this CA signed" -}}
{{- end -}}
{{- end -}}
{{- with .Values.bundleEndpoint -}}
{{- if and .enabled (not .tls.secretName) -}}
{{- fail "bundleEndpoint.enabled=true needs bundleEndpoint.tls.secretName: a Secret with tls.crt and tls.key" -}}
{{- end -}}
{{- if and .enabled (not .serve) -}}
{{- fail "bundleEndpoint.enabled=true needs bundleEndpoint.serve: the trust domains to publish, such as default/*" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.identities.secrets (not .Values.kubernetes.enabled) -}}
{{- fail "identities.secrets needs kubernetes.enabled=true: the Secrets are those of the cluster" -}}
{{- end -}}
{{- if and (or .Values.imports.kubeconfigSecretName .Values.imports.url) (not .Values.identities.zone) -}}
{{- fail "imports.kubeconfigSecretName and imports.url need identities.zone: the zone of this cluster" -}}
{{- end -}}
{{- if and .Values.imports.kubeconfigSecretName .Values.imports.url -}}
{{- fail "imports.kubeconfigSecretName and imports.url contradict each other: there is one Global control plane" -}}
{{- end -}}
{{- if and .Values.imports.url (not .Values.imports.urlSecretName) -}}
{{- fail "imports.url needs imports.urlSecretName: a Secret with token and ca.crt" -}}
{{- end -}}
{{- with .Values.podDisruptionBudget -}}
{{- if and .enabled (kindIs "invalid" .minAvailable) (kindIs "invalid" .maxUnavailable) -}}
{{- fail "podDisruptionBudget.enabled=true needs podDisruptionBudget.minAvailable or podDisruptionBudget.maxUnavailable" -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "meshtrust.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* How proxies authenticate. */}}
{{- define "meshtrust.xdsAuth" -}}
{{- with .Values.xds -}}
{{- if .auth -}}{{ .auth }}{{- else if or .tls.requireClientCertificate .tls.clientTrust -}}mtls{{- else -}}none{{- end -}}
{{- end -}}
{{- end }}

{{/* True if the program writes to the cluster. */}}
{{- define "meshtrust.writesStatus" -}}
{{- if and .Values.kubernetes.enabled .Values.kubernetes.status -}}true{{- end -}}
{{- end }}

{{/* The name of the ValidatingWebhookConfiguration, which is cluster-wide: it includes the namespace of the release. */}}
{{- define "meshtrust.webhookConfiguration" -}}
{{ include "meshtrust.fullname" . }}.{{ .Release.Namespace }}
{{- end }}

{{/* A flag with its value, unless the value is null. Large numbers are written without an exponent. */}}
{{- define "meshtrust.arg" -}}
{{- $value := .value -}}
{{- if not (or (kindIs "invalid" $value) (eq (toString $value) "")) -}}
- --{{ .flag }}={{ if kindIs "float64" $value }}{{ int64 $value }}{{ else }}{{ $value }}{{ end }}
{{ end -}}
{{- end }}

{{/* The arguments of the program. */}}
{{- define "meshtrust.args" -}}
- serve
- --xds-listen=0.0.0.0:5678
- --xds-auth={{ include "meshtrust.xdsAuth" . }}
- --probe-listen=0.0.0.0:5681
{{- with .Values.kubernetes }}
{{- if .enabled }}
- --kubernetes
{{- if .allNamespaces }}
- --kube-all-namespaces
{{- else }}
- --kube-namespace={{ .namespace }}
{{- end }}
{{- if .status }}
- --kube-lease={{ include "meshtrust.fullname" $ }}
- --kube-lease-namespace={{ $.Release.Namespace }}
{{- else }}
- --no-kube-status
{{- end }}
{{- end }}
{{- end }}
{{- range .Values.directories }}
- --dir={{ . }}
{{- end }}
{{- with .Values.xds.tls }}
{{- if .secretName }}
- --tls-cert=/tls/tls.crt
- --tls-key=/tls/tls.key
{{- if .requireClientCertificate }}
- --tls-client-ca=/tls/ca.crt
{{- end }}
{{- if .clientTrust }}
- --tls-client-trust={{ .clientTrust }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.admin }}
{{- if .enabled }}
- --admin-listen=0.0.0.0:5680
- --admin-cert=/admin-tls/tls.crt
- --admin-key=/admin-tls/tls.key
{{- if .tls.clientCertificates }}
- --admin-client-ca=/admin-tls/ca.crt
{{- end }}
{{- if .tokenSecretName }}
- --admin-token-file=/admin-token/token
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.webhook }}
{{- if .enabled }}
- --webhook-listen=0.0.0.0:9443
{{- if .certificate.secretName }}
- --webhook-cert=/webhook-tls/tls.crt
- --webhook-key=/webhook-tls/tls.key
{{- else }}
- --webhook-secret={{ include "meshtrust.fullname" $ }}-webhook
- --webhook-configuration={{ include "meshtrust.webhookConfiguration" $ }}
{{- end }}
{{- end }}
{{- end }}
{{ range $flag, $value := dict
  "default-mesh" .Values.trust.defaultMesh
  "root-trust-domain" .Values.trust.rootTrustDomain
  "guard-hold" .Values.trust.guardHold
  "max-document-bytes" .Values.trust.maxDocumentBytes
  "max-certificates" .Values.trust.maxCertificates
  "cache-bytes" .Values.trust.cacheBytes
  "xds-token-audience" .Values.xds.tokenAudience
  "xds-token-issuer" .Values.xds.tokenIssuer
  "xds-token-cache" .Values.xds.tokenCache
  "xds-max-stream-age" .Values.xds.maxStreamAge
  "workers" .Values.xds.workers
  "max-names" .Values.xds.maxNames
  "max-streams" .Values.xds.maxStreams
  "open-rate" .Values.xds.openRate
  "open-burst" .Values.xds.openBurst
  "max-connection-streams" .Values.xds.maxConnectionStreams
  "max-request-bytes" .Values.xds.maxRequestBytes
  "request-timeout" .Values.xds.requestTimeout
  "slow-timeout" .Values.xds.slowTimeout
  "keepalive" .Values.xds.keepalive
  "keepalive-timeout" .Values.xds.keepaliveTimeout
  "lost-window" .Values.xds.lostWindow
  "max-connection-age" .Values.xds.maxConnectionAge
  "xds-transport" .Values.xds.transport
  "access-log-listen" (ternary "0.0.0.0:5682" "" .Values.xds.accessLogs)
  "drain-grace" .Values.drainGrace
  "log-level" .Values.log.level
  "log-format" .Values.log.format
-}}
{{ include "meshtrust.arg" (dict "flag" $flag "value" $value) }}
{{- end -}}
{{- with .Values.identities -}}
{{- if .enabled -}}
- --identities
{{ include "meshtrust.arg" (dict "flag" "zones" "value" (join "," .zones)) }}
{{- include "meshtrust.arg" (dict "flag" "identity-linger" "value" .linger) }}
{{- include "meshtrust.arg" (dict "flag" "identity-root" "value" .root) }}
{{- range .secrets }}
{{- include "meshtrust.arg" (dict "flag" "identity-secret" "value" (printf "%s/%s" $.Values.kubernetes.namespace .)) }}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with .Values.bundleEndpoint -}}
{{- if .enabled -}}
- --bundle-listen=0.0.0.0:8444
- --bundle-cert=/bundle-tls/tls.crt
- --bundle-key=/bundle-tls/tls.key
{{ include "meshtrust.arg" (dict "flag" "bundle-profile" "value" .profile) }}
{{- include "meshtrust.arg" (dict "flag" "bundle-serve" "value" (join "," .serve)) }}
{{- include "meshtrust.arg" (dict "flag" "bundle-refresh-hint" "value" .refreshHint) }}
{{- include "meshtrust.arg" (dict "flag" "bundle-rate" "value" .rate) }}
{{- end -}}
{{- end -}}
{{- with .Values.federation -}}
{{- if .enabled -}}
- --federation
{{ include "meshtrust.arg" (dict "flag" "federation-class" "value" .className) }}
{{- if not .classless -}}
- --no-federation-classless
{{ end -}}
{{- if .webCaConfigMap -}}
- --federation-web-ca=/federation/ca.crt
{{ end -}}
{{- if .denyPrivate -}}
- --federation-deny-private
{{ end -}}
{{- include "meshtrust.arg" (dict "flag" "federation-min-interval" "value" .minInterval) }}
{{- include "meshtrust.arg" (dict "flag" "federation-max-interval" "value" .maxInterval) }}
{{- include "meshtrust.arg" (dict "flag" "federation-max-age" "value" .maxAge) }}
{{- end -}}
{{- end -}}
{{- if or .Values.identities.enabled .Values.imports.kubeconfigSecretName .Values.imports.url -}}
{{- include "meshtrust.arg" (dict "flag" "zone" "value" .Values.identities.zone) }}
{{- end -}}
{{- with .Values.imports -}}
{{- if .kubeconfigSecretName -}}
- --import-kubeconfig=/import/kubeconfig
{{ include "meshtrust.arg" (dict "flag" "import-context" "value" .context) }}
{{- include "meshtrust.arg" (dict "flag" "import-namespace" "value" .namespace) }}
{{- end -}}
{{- if .url -}}
- --import-url={{ .url }}
- --import-token-file=/import/token
- --import-ca=/import/ca.crt
{{ end -}}
{{- if or .kubeconfigSecretName .url -}}
{{- include "meshtrust.arg" (dict "flag" "import-trust-domain" "value" (join "," .trustDomains)) }}
{{- if not $.Values.identities.enabled }}
{{- include "meshtrust.arg" (dict "flag" "identity-linger" "value" $.Values.identities.linger) }}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if .Values.trust.refuseIntermediates -}}
- --refuse-intermediates
{{ end -}}
{{- if .Values.trust.distrust -}}
- --distrust=/distrust/list
{{ end -}}
{{- if .Values.xds.access -}}
- --xds-access=/access/rules.yaml
{{ end -}}
{{- if .Values.stateDir.enabled -}}
- --state-dir=/state/meshtrust
{{ end -}}
{{- if not .Values.metrics.authorities -}}
- --no-ca-metrics
{{ end -}}
{{- with .Values.extraArgs }}
{{- toYaml . }}
{{- end }}
{{- end }}
