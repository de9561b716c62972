{{/* Settings of a service that are no secret: dict root, name, svc. */}}
{{- define "douyin.config" -}}
{{- $v := .root.Values -}}
{{- $full := include "douyin.fullname" .root -}}
{{- $c := dict
  "DOUYIN_LISTEN" ":8080"
  "DOUYIN_PRIVATE_LISTEN" ":9090"
  "DOUYIN_LOG_LEVEL" $v.logLevel
  "DOUYIN_MIGRATE" (ternary "off" "auto" $v.migrations.enabled)
  "DOUYIN_DRAIN_TIMEOUT" (printf "%ds" (int .svc.drainSeconds))
  "DOUYIN_DRAIN_DELAY" "3s"
  "DOUYIN_SERVICE_URL" (printf "%s://%s-{service}-headless:8080" ($v.mtls.enabled | ternary "https" "http") $full)
  "DOUYIN_TRACE_RATIO" (toString $v.telemetry.traceRatio) -}}
{{- if has "postgres" .svc.uses }}
{{- $_ := set $c "DOUYIN_POSTGRES_DSN" (include "douyin.dsn" (dict "root" .root "host" $v.postgres.host)) }}
{{- $_ := set $c "DOUYIN_POSTGRES_MAX_CONNS" (toString (int $v.postgres.maxConns)) }}
{{- with $v.postgres.readHost }}
{{- $_ := set $c "DOUYIN_POSTGRES_READ_DSN" (include "douyin.dsn" (dict "root" $.root "host" .)) }}
{{- end }}
{{- end }}
{{- if has "redis" .svc.uses }}
{{- $addrs := $v.dev.enabled | ternary (list (printf "%s-redis:6379" $full)) $v.redis.addrs }}
{{- $_ := set $c "DOUYIN_REDIS_ADDRS" (required "redis.addrs: name one, or set dev.enabled" (join "," $addrs)) }}
{{- $_ := set $c "DOUYIN_REDIS_CLIENT_CACHING" (toString $v.redis.clientCaching) }}
{{- with $v.redis.username }}{{ $_ := set $c "DOUYIN_REDIS_USERNAME" . }}{{ end }}
{{- end }}
{{- if has "kafka" .svc.uses }}
{{- $brokers := $v.dev.enabled | ternary (list (printf "%s-kafka:%d" $full (int $v.dev.kafka.port))) $v.kafka.brokers }}
{{- $_ := set $c "DOUYIN_KAFKA_BROKERS" (required "kafka.brokers: name one, or set dev.enabled" (join "," $brokers)) }}
{{- $_ := set $c "DOUYIN_KAFKA_PARTITIONS" (toString (int $v.kafka.partitions)) }}
{{- $_ := set $c "DOUYIN_KAFKA_REPLICATION" (toString (int $v.kafka.replication)) }}
{{- end }}
{{- if has "s3" .svc.uses }}
{{- with $v.dev.enabled | ternary (printf "http://%s-s3:%d" $full (int $v.dev.s3.port)) $v.s3.endpoint }}
{{- $_ := set $c "DOUYIN_S3_ENDPOINT" . }}
{{- end }}
{{- $_ := set $c "DOUYIN_S3_REGION" $v.s3.region }}
{{- $_ := set $c "DOUYIN_S3_BUCKET" $v.s3.bucket }}
{{- end }}
{{- if $v.mtls.enabled }}
{{- $_ := set $c "DOUYIN_TLS_CERT" "/etc/douyin/tls/tls.crt" }}
{{- $_ := set $c "DOUYIN_TLS_KEY" "/etc/douyin/tls/tls.key" }}
{{- $_ := set $c "DOUYIN_TLS_CA" "/etc/douyin/tls/ca.crt" }}
{{- /* It faces clients, who have no certificate of the mesh. */}}
{{- if eq .name "gateway" }}{{ $_ := set $c "DOUYIN_TLS_SERVE" "false" }}{{ end }}
{{- end }}
{{- with $v.telemetry.otlp.endpoint }}
{{- $_ := set $c "OTEL_TRACES_EXPORTER" "otlp" }}
{{- $_ := set $c "OTEL_EXPORTER_OTLP_ENDPOINT" . }}
{{- $_ := set $c "OTEL_EXPORTER_OTLP_PROTOCOL" $v.telemetry.otlp.protocol }}
{{- end }}
{{- if and (eq .name "user") (include "douyin.signingKeySecret" .root) }}
{{- $_ := set $c "DOUYIN_USER_SIGNING_KEY_FILE" (printf "/etc/douyin/signing/%s" $v.signingKey.key) }}
{{- $older := list }}
{{- range $v.signingKey.olderKeys }}{{ $older = append $older (printf "/etc/douyin/signing/%s" .) }}{{ end }}
{{- with $older }}{{ $_ := set $c "DOUYIN_USER_OLDER_KEY_FILES" (join "," .) }}{{ end }}
{{- end }}
{{- mergeOverwrite $c $v.config .svc.config | toYaml -}}
{{- end -}}

{{/* DSN without a password, which is in PGPASSWORD: dict root, host. */}}
{{- define "douyin.dsn" -}}
{{- $p := .root.Values.postgres -}}
{{- $dev := .root.Values.dev.enabled -}}
{{- $host := $dev | ternary (printf "%s-postgres" (include "douyin.fullname" .root)) .host -}}
{{- $parameters := merge (dict "sslmode" ($dev | ternary "disable" $p.tls.mode)) $p.parameters -}}
{{- if and $p.tls.caSecret (not $dev) }}{{ $_ := set $parameters "sslrootcert" "/etc/douyin/postgres/ca.crt" }}{{ end -}}
{{- $query := list -}}
{{- range $name, $value := $parameters }}{{ $query = append $query (printf "%s=%s" $name $value) }}{{ end -}}
postgres://{{ $p.user }}@{{ required "postgres.host: name one, or set dev.enabled" $host }}:{{ int $p.port }}/{{ $p.database }}?{{ join "&" $query }}
{{- end -}}
