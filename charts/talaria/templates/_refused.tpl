{{/*
Fails on values that exclude each other, with the cure. The schema cannot say it in words that help.
*/}}
{{- define "talaria.refused" -}}
{{- $autoscaling := .Values.gateway.autoscaling }}
{{- if $autoscaling.enabled }}
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
