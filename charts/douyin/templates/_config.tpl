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
{{- include "douyin.redisConfig" (dict "root" .root "config" $c) }}
{{- end }}
{{- if has "kafka" .svc.uses }}
{{- include "douyin.kafkaConfig" (dict "root" .root "config" $c) }}
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
{{- if eq .name "gateway" }}
{{- with $v.gateway.trustedProxies }}{{ $_ := set $c "DOUYIN_GATEWAY_TRUSTED_PROXIES" (join "," .) }}{{ end }}
{{- with $v.gateway.publicURL }}{{ $_ := set $c "DOUYIN_GATEWAY_PUBLIC_URL" . }}{{ end }}
{{- $_ := set $c "DOUYIN_GATEWAY_WEB" (toString $v.gateway.web) }}
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

{{/* Refuses a way in whose proxies the gateway does not know. */}}
{{- define "douyin.requireTrustedProxies" -}}
{{- $_ := .Values.gateway.trustedProxies | default nil | required "gateway.trustedProxies: list the networks of the proxies behind the Ingress or the Gateway, or all clients share one budget" }}
{{- end -}}

{{/* Adds how Redis is reached to config: dict root, config. */}}
{{- define "douyin.redisConfig" -}}
{{- $r := .root.Values.redis -}}
{{- $c := .config -}}
{{- $_ := set $c "DOUYIN_REDIS_CLIENT_CACHING" (toString $r.clientCaching) }}
{{- if .root.Values.dev.enabled }}
{{- $_ := set $c "DOUYIN_REDIS_ADDRS" (printf "%s-redis:6379" (include "douyin.fullname" .root)) }}
{{- else }}
{{- if $r.sentinel.addrs }}
{{- if $r.addrs }}{{ fail "redis.addrs and redis.sentinel.addrs exclude each other" }}{{ end }}
{{- $_ := set $c "DOUYIN_REDIS_SENTINEL_ADDRS" (join "," $r.sentinel.addrs) }}
{{- $_ := set $c "DOUYIN_REDIS_SENTINEL_MASTER" (required "redis.sentinel.master: say by which name the Sentinels know the primary" $r.sentinel.master) }}
{{- with $r.sentinel.username }}{{ $_ := set $c "DOUYIN_REDIS_SENTINEL_USERNAME" . }}{{ end }}
{{- else }}
{{- $_ := set $c "DOUYIN_REDIS_ADDRS" (required "redis.addrs: name one, or set dev.enabled" (join "," $r.addrs)) }}
{{- end }}
{{- if $r.cluster }}{{ $_ := set $c "DOUYIN_REDIS_CLUSTER" "true" }}{{ end }}
{{- with int $r.database }}{{ $_ := set $c "DOUYIN_REDIS_DB" (toString .) }}{{ end }}
{{- with $r.username }}{{ $_ := set $c "DOUYIN_REDIS_USERNAME" . }}{{ end }}
{{- include "douyin.tlsConfig" (dict "store" "redis" "tls" $r.tls "config" $c) }}
{{- end }}
{{- end -}}

{{/* Adds how Kafka is reached to config: dict root, config. */}}
{{- define "douyin.kafkaConfig" -}}
{{- $k := .root.Values.kafka -}}
{{- $c := .config -}}
{{- if .root.Values.dev.enabled }}
{{- $_ := set $c "DOUYIN_KAFKA_BROKERS" (printf "%s-kafka:%d" (include "douyin.fullname" .root) (int .root.Values.dev.kafka.port)) }}
{{- else }}
{{- $_ := set $c "DOUYIN_KAFKA_BROKERS" (required "kafka.brokers: name one, or set dev.enabled" (join "," $k.brokers)) }}
{{- if $k.sasl.mechanism }}
{{- $_ := set $c "DOUYIN_KAFKA_SASL_MECHANISM" $k.sasl.mechanism }}
{{- $_ := set $c "DOUYIN_KAFKA_SASL_USER" (required "kafka.sasl.user: name one, kafka.sasl.mechanism is set" $k.sasl.user) }}
{{- $_ := required "kafka.sasl.existingSecret: name the Secret with the password, kafka.sasl.mechanism is set" $k.sasl.existingSecret }}
{{- else if or $k.sasl.user $k.sasl.existingSecret }}
{{- fail "kafka.sasl.mechanism: choose one, kafka.sasl.user or kafka.sasl.existingSecret is set" }}
{{- end }}
{{- include "douyin.tlsConfig" (dict "store" "kafka" "tls" $k.tls "config" $c) }}
{{- end }}
{{- end -}}

{{/* Adds TLS to a store to config: dict store, tls, config. */}}
{{- define "douyin.tlsConfig" -}}
{{- $t := .tls -}}
{{- $set := printf "DOUYIN_%s_TLS" (upper .store) -}}
{{- $dir := printf "/etc/douyin/%s" .store -}}
{{- if $t.enabled }}
{{- if and $t.caSecret $t.caConfigMap }}{{ fail (printf "%[1]s.tls.caSecret and %[1]s.tls.caConfigMap exclude each other" .store) }}{{ end }}
{{- $_ := set .config $set "true" }}
{{- if or $t.caSecret $t.caConfigMap }}{{ $_ := set .config (printf "%s_CA" $set) (printf "%s/ca.crt" $dir) }}{{ end }}
{{- if $t.clientSecret }}
{{- $_ := set .config (printf "%s_CERT" $set) (printf "%s/tls.crt" $dir) }}
{{- $_ := set .config (printf "%s_KEY" $set) (printf "%s/tls.key" $dir) }}
{{- end }}
{{- with $t.serverName }}{{ $_ := set $.config (printf "%s_SERVER_NAME" $set) . }}{{ end }}
{{- else if or $t.caSecret $t.caConfigMap $t.clientSecret $t.serverName }}
{{- fail (printf "%[1]s.tls.enabled: set it, other values of %[1]s.tls are" .store) }}
{{- end }}
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
