{{/* Shares of bad calls over a window, of the calls the gateway makes for its clients:
dict root, window. A client's own mistake (UNAUTHENTICATED, NOT_FOUND and the like) is no failure. */}}
{{- define "douyin.slo.failed" -}}
{{- $calls := printf `namespace="%s",job="gateway"` .root.Release.Namespace -}}
sum(rate(rpc_client_call_duration_seconds_count{ {{- $calls }},rpc_response_status_code=~"INTERNAL|UNKNOWN|UNAVAILABLE|DEADLINE_EXCEEDED|DATA_LOSS|UNIMPLEMENTED"}[{{ .window }}]) or 0 * rate(rpc_client_call_duration_seconds_count{ {{- $calls }}}[{{ .window }}]))
/ sum(rate(rpc_client_call_duration_seconds_count{ {{- $calls }}}[{{ .window }}]))
{{- end -}}

{{/* Uploads and message streams last as long as they last. */}}
{{- define "douyin.slo.slow" -}}
{{- $calls := printf `namespace="%s",job="gateway",rpc_method!~".*/(PublishVideo|Subscribe.*)"` .root.Release.Namespace -}}
{{- $le := .root.Values.telemetry.rules.latencySeconds | toString | replace "." "\\\\." -}}
1 - sum(rate(rpc_client_call_duration_seconds_bucket{ {{- $calls }},le=~"{{ $le }}(\\.0)?"}[{{ .window }}]))
/ sum(rate(rpc_client_call_duration_seconds_count{ {{- $calls }}}[{{ .window }}]))
{{- end -}}

{{/* Link of an alert: dict root, alert. */}}
{{- define "douyin.runbook" -}}
{{- with .root.Values.telemetry.rules.runbookURL }}
runbook_url: {{ . }}#{{ $.alert | lower }}
{{- end }}
{{- end -}}
