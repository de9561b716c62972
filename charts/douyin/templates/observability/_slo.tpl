{{/* Shares of bad answers over a window, of all the gateway gives its clients, over REST and over
Connect and gRPC: dict root, window. A client's own mistake (10004, UNAUTHENTICATED and the like) is no failure. */}}
{{- define "douyin.slo.failed" -}}
{{- $gateway := printf `namespace="%s",job="gateway"` .root.Release.Namespace -}}
{{- $rest := printf "douyin_gateway_answers_total{%s" $gateway -}}
{{- $rpc := printf "rpc_server_call_duration_seconds_count{%s" $gateway -}}
sum(rate({{ $rest }},class="5xxxx"}[{{ .window }}]) or rate({{ $rpc }},rpc_response_status_code=~"INTERNAL|UNKNOWN|UNAVAILABLE|DEADLINE_EXCEEDED|DATA_LOSS|UNIMPLEMENTED"}[{{ .window }}]) or 0 * rate({{ $rest }}}[{{ .window }}]) or 0 * rate({{ $rpc }}}[{{ .window }}]))
/ sum(rate({{ $rest }}}[{{ .window }}]) or rate({{ $rpc }}}[{{ .window }}]))
{{- end -}}

{{/* Uploads and message streams last as long as they last. */}}
{{- define "douyin.slo.slow" -}}
{{- $gateway := printf `namespace="%s",job="gateway"` .root.Release.Namespace -}}
{{- $rest := printf `%s,http_route=~"/douyin/.*",http_route!~"/douyin/(publish/action|message/stream)"` $gateway -}}
{{- $rpc := printf `%s,rpc_method!~".*/(PublishVideo|Subscribe)"` $gateway -}}
{{- $le := .root.Values.telemetry.rules.latencySeconds | toString | replace "." "\\\\." -}}
1 - sum(rate(http_server_request_duration_seconds_bucket{ {{- $rest }},le=~"{{ $le }}(\\.0)?"}[{{ .window }}]) or rate(rpc_server_call_duration_seconds_bucket{ {{- $rpc }},le=~"{{ $le }}(\\.0)?"}[{{ .window }}]))
/ sum(rate(http_server_request_duration_seconds_count{ {{- $rest }}}[{{ .window }}]) or rate(rpc_server_call_duration_seconds_count{ {{- $rpc }}}[{{ .window }}]))
{{- end -}}

{{/* Link of an alert: dict root, alert. */}}
{{- define "douyin.runbook" -}}
{{- with .root.Values.telemetry.rules.runbookURL }}
runbook_url: {{ . }}#{{ $.alert | lower }}
{{- end }}
{{- end -}}
