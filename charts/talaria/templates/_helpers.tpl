{{/* Labels of an object. Takes a dict: root, component, and optionally extra: labels that win over commonLabels. */}}
{{- define "talaria.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: talaria
{{ include "talaria.selector" .component }}
{{- with merge dict (.extra | default dict) .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels that select the pods of a component, and never change. */}}
{{- define "talaria.selector" -}}
app.kubernetes.io/name: talaria
app.kubernetes.io/component: {{ . }}
{{- end }}

{{- define "talaria.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* The Secret that holds the database's URLs. */}}
{{- define "talaria.databaseSecret" -}}
{{- if .Values.database.trial }}
{{- if .Values.database.existingSecret }}
{{- fail "database.existingSecret is set while database.trial is true: set database.trial to false to use it" }}
{{- end -}}
talaria-trial-database
{{- else -}}
{{ required "database.trial is false: set database.existingSecret to the name of a Secret with the keys url and directUrl" .Values.database.existingSecret }}
{{- end }}
{{- end }}

{{- define "talaria.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "talaria.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Environment of every Talaria process. Takes a dict: root, port, extra. */}}
{{- define "talaria.env" -}}
- name: TALARIA_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_UID
  valueFrom: {fieldRef: {fieldPath: metadata.uid}}
- name: TALARIA_LISTEN
  value: 0.0.0.0:{{ .port }}
- name: TALARIA_LOG_LEVEL
  value: {{ .root.Values.logLevel }}
{{- with .extra }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "talaria.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: 2
  timeoutSeconds: 2
{{- end }}

{{/* Where pods run and what is added to them. Takes a dict: values (of a component), component. */}}
{{- define "talaria.scheduling" -}}
{{- $component := .component }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- range . }}
  {{- $own := dict "labelSelector" (dict "matchLabels" (include "talaria.selector" $component | fromYaml)) }}
  - {{ merge (deepCopy .) $own | toYaml | nindent 4 | trim }}
  {{- end }}
{{- end }}
{{- end }}

{{/* The names of the snapshot's ConfigMaps, as a YAML list: the index, and two slots for each of 64 buckets. */}}
{{- define "talaria.snapshotNames" -}}
- talaria-snapshot
{{- range $bucket := until 64 }}
- {{ printf "talaria-snapshot-%02da" $bucket }}
- {{ printf "talaria-snapshot-%02db" $bucket }}
{{- end }}
{{- end }}

{{/* The names of the credentials' Secrets, as a YAML list. */}}
{{- define "talaria.credentialNames" -}}
{{- range $shard := until 16 }}
- {{ printf "talaria-credentials-%02d" $shard }}
{{- end }}
{{- end }}

{{/* Names and the API server. */}}
{{- define "talaria.controlEgress" -}}
- ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
  {{- with .Values.networkPolicy.dnsTo }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
- ports:
    {{- range .Values.networkPolicy.apiServerPorts }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
{{- end }}

{{/* What has metrics, by labels that its Services and pods both have. */}}
{{- define "talaria.monitored" -}}
matchExpressions:
  - {key: app.kubernetes.io/name, operator: In, values: [talaria]}
  - {key: app.kubernetes.io/component, operator: In, values: [operator, gateway]}
{{- end }}
