{{/*
Fails on values that exclude each other, with the cure. The schema cannot say it in words that help.
*/}}
{{- define "talaria.refused" -}}
{{- $autoscaling := .Values.gateway.autoscaling }}
{{- if $autoscaling.enabled }}
{{- if eq .Values.gateway.strategy "Recreate" }}
{{- fail "gateway.strategy is Recreate, which is for one pod with volumes of Agents, and gateway.autoscaling would make more: use RollingUpdate, or disable autoscaling" }}
{{- end }}
{{- if gt ($autoscaling.minReplicas | int) ($autoscaling.maxReplicas | int) }}
{{- fail "gateway.autoscaling: minReplicas is greater than maxReplicas" }}
{{- end }}
{{- if not (or $autoscaling.targetCPUUtilizationPercentage $autoscaling.targetMemoryUtilizationPercentage $autoscaling.metrics) }}
{{- fail "gateway.autoscaling is enabled and measures nothing: set targetCPUUtilizationPercentage or metrics" }}
{{- end }}
{{- range $resource, $target := dict "cpu" $autoscaling.targetCPUUtilizationPercentage "memory" $autoscaling.targetMemoryUtilizationPercentage }}
{{- if and $target (not (dig "requests" $resource "" ($.Values.gateway.resources | default dict))) }}
{{- fail (printf "gateway.autoscaling measures %s as a part of what is requested: set gateway.resources.requests.%s" $resource $resource) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) }}
{{- fail "ingress is enabled without a host: set ingress.hosts" }}
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
{{- fail "httpRoute is enabled without a Gateway: set httpRoute.parentRefs" }}
{{- end }}
{{- if and .Values.metrics.serviceMonitor.enabled .Values.metrics.podMonitor.enabled }}
{{- fail "metrics.serviceMonitor and metrics.podMonitor would scrape everything twice: enable one of them" }}
{{- end }}
{{- if and .Values.networkPolicy.gatewayTo (not .Values.networkPolicy.enabled) }}
{{- fail "networkPolicy.gatewayTo is set and networkPolicy is not enabled: nothing would be refused" }}
{{- end }}
{{- $tracing := list "OTEL_EXPORTER_OTLP_ENDPOINT" "OTEL_EXPORTER_OTLP_HEADERS" "OTEL_TRACES_SAMPLER" "OTEL_TRACES_SAMPLER_ARG" }}
{{- range $component := list "operator" "gateway" }}
{{- $names := list }}
{{- range (get $.Values $component).extraEnv }}
{{- if has .name $names }}
{{- fail (printf "%s.extraEnv has %s twice: leave one of them" $component .name) }}
{{- end }}
{{- if and $.Values.tracing.endpoint (eq $component "gateway") (has .name $tracing) }}
{{- fail (printf "gateway.extraEnv has %s, which tracing sets while tracing.endpoint is set: use the values of tracing, or leave its endpoint empty" .name) }}
{{- end }}
{{- $names = append $names .name }}
{{- end }}
{{- if hasKey ((get $.Values $component).podAnnotations | default dict) "checksum/config" }}
{{- fail (printf "%s.podAnnotations has checksum/config, by which the chart restarts pods: use another name" $component) }}
{{- end }}
{{- end }}
{{- range .Values.gateway.extraVolumes }}
{{- if or (has .name (list "config" "state" "homes" "tmp" "credentials")) (hasPrefix "agent-" .name) }}
{{- fail (printf "gateway.extraVolumes has the name %s, which is one of the chart or of the volumes of Agents (agent-): use another one" .name) }}
{{- end }}
{{- end }}
{{- range $mount := .Values.gateway.extraVolumeMounts }}
{{- $names := list }}
{{- range $.Values.gateway.extraVolumes }}
{{- $names = append $names .name }}
{{- end }}
{{- if not (has $mount.name $names) }}
{{- fail (printf "gateway.extraVolumeMounts names the volume %s, which is not in gateway.extraVolumes" $mount.name) }}
{{- end }}
{{- end }}
{{- end }}
