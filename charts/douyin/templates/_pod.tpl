{{/* What Pod Security "restricted" asks of a pod. */}}
{{- define "douyin.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* And of a container. */}}
{{- define "douyin.containerSecurity" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Labels by which the NetworkPolicies of the stores find their clients: svc. */}}
{{- define "douyin.clientLabels" -}}
{{- range .uses }}
douyin.dev/{{ . }}-client: "true"
{{- end }}
{{- end -}}

{{/* Environment of a service's containers: dict root, name, svc. */}}
{{- define "douyin.env" -}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: NODE_NAME
  valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: k8s.namespace.name={{ .root.Release.Namespace }},k8s.pod.name=$(POD_NAME),k8s.node.name=$(NODE_NAME)
{{- include "douyin.secretEnv" . }}
{{- end -}}

{{/* The part of it that comes from Secrets. */}}
{{- define "douyin.secretEnv" -}}
{{- $v := .root.Values -}}
{{- $dev := printf "%s-dev" (include "douyin.fullname" .root) -}}
{{- if has "postgres" .svc.uses }}
{{- with $v.dev.enabled | ternary $dev $v.postgres.existingSecret }}
- name: PGPASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ . | replace "{service}" $.svc.schema }}
      key: {{ $v.dev.enabled | ternary "{service}" $v.postgres.passwordKey | replace "{service}" $.svc.schema }}
{{- end }}
{{- end }}
{{- if has "redis" .svc.uses }}
{{- with $v.dev.enabled | ternary $dev $v.redis.existingSecret }}
- name: DOUYIN_REDIS_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ . }}, key: {{ $v.dev.enabled | ternary "redis-password" $v.redis.passwordKey }}}}
{{- end }}
{{- if and $v.redis.sentinel.existingSecret (not $v.dev.enabled) }}
- name: DOUYIN_REDIS_SENTINEL_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $v.redis.sentinel.existingSecret }}, key: {{ $v.redis.sentinel.passwordKey }}}}
{{- end }}
{{- end }}
{{- if and (has "kafka" .svc.uses) $v.kafka.sasl.mechanism (not $v.dev.enabled) }}
- name: DOUYIN_KAFKA_SASL_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $v.kafka.sasl.existingSecret }}, key: {{ $v.kafka.sasl.passwordKey }}}}
{{- end }}
{{- if has "s3" .svc.uses }}
{{- with $v.dev.enabled | ternary $dev $v.s3.existingSecret }}
- name: DOUYIN_S3_ACCESS_KEY
  valueFrom: {secretKeyRef: {name: {{ . }}, key: {{ $v.dev.enabled | ternary "access-key" $v.s3.accessKeyKey }}}}
- name: DOUYIN_S3_SECRET_KEY
  valueFrom: {secretKeyRef: {name: {{ . }}, key: {{ $v.dev.enabled | ternary "secret-key" $v.s3.secretKeyKey }}}}
{{- end }}
{{- end }}
{{- end -}}

{{/* Name of the Secret with the signing key, or nothing. */}}
{{- define "douyin.signingKeySecret" -}}
{{- if .Values.signingKey.existingSecret -}}
{{ .Values.signingKey.existingSecret }}
{{- else if .Values.signingKey.generate -}}
{{ include "douyin.fullname" . }}-signing-key
{{- end -}}
{{- end -}}

{{/* Name of the Secret with a service's certificate: dict root, name. */}}
{{- define "douyin.tlsSecret" -}}
{{- with .root.Values.mtls.existingSecret -}}
{{ . | replace "{service}" $.name }}
{{- else -}}
{{ include "douyin.fullname" .root }}-{{ .name }}-tls
{{- end -}}
{{- end -}}

{{/* Stores of a service whose TLS needs files, by name: dict root, svc. */}}
{{- define "douyin.storesWithFiles" -}}
{{- range list "redis" "kafka" -}}
{{- $t := (index $.root.Values .).tls -}}
{{- if and (has . $.svc.uses) $t.enabled (or $t.caSecret $t.caConfigMap $t.clientSecret) (not $.root.Values.dev.enabled) }}{{ . }} {{ end -}}
{{- end -}}
{{- end -}}

{{/* Volumes with these files: dict root, svc. */}}
{{- define "douyin.storeVolumes" -}}
{{- range include "douyin.storesWithFiles" . | trim | splitList " " | compact }}
{{- $t := (index $.root.Values .).tls }}
- name: {{ . }}-tls
  projected:
    defaultMode: 0440
    sources:
      {{- with $t.caSecret }}
      - secret: {name: {{ . }}, items: [{key: {{ $t.caKey }}, path: ca.crt}]}
      {{- end }}
      {{- with $t.caConfigMap }}
      - configMap: {name: {{ . }}, items: [{key: {{ $t.caKey }}, path: ca.crt}]}
      {{- end }}
      {{- with $t.clientSecret }}
      - secret: {name: {{ . }}, items: [{key: tls.crt, path: tls.crt}, {key: tls.key, path: tls.key}]}
      {{- end }}
{{- end }}
{{- end -}}

{{/* Where they are: dict root, svc. */}}
{{- define "douyin.storeMounts" -}}
{{- range include "douyin.storesWithFiles" . | trim | splitList " " | compact }}
- {name: {{ . }}-tls, mountPath: /etc/douyin/{{ . }}, readOnly: true}
{{- end }}
{{- end -}}

{{/* Volumes of a service: dict root, name, svc. */}}
{{- define "douyin.volumes" -}}
- name: tmp
  emptyDir: {sizeLimit: {{ .svc.scratch }}}
{{- if and (has "postgres" .svc.uses) .root.Values.postgres.tls.caSecret (not .root.Values.dev.enabled) }}
- name: postgres-ca
  secret:
    secretName: {{ .root.Values.postgres.tls.caSecret }}
    items: [{key: {{ .root.Values.postgres.tls.caKey }}, path: ca.crt}]
{{- end }}
{{- include "douyin.storeVolumes" . }}
{{- $key := include "douyin.signingKeySecret" .root }}
{{- if and (eq .name "user") $key }}
- name: signing-key
  secret:
    secretName: {{ $key }}
    defaultMode: 0440
{{- end }}
{{- if and .root.Values.mtls.enabled (ne .name "migrate") }}
- name: tls
  secret:
    secretName: {{ include "douyin.tlsSecret" . }}
    defaultMode: 0440
{{- end }}
{{- end -}}

{{/* Where they are. */}}
{{- define "douyin.mounts" -}}
- {name: tmp, mountPath: /tmp}
{{- if and (has "postgres" .svc.uses) .root.Values.postgres.tls.caSecret (not .root.Values.dev.enabled) }}
- {name: postgres-ca, mountPath: /etc/douyin/postgres, readOnly: true}
{{- end }}
{{- include "douyin.storeMounts" . }}
{{- if and (eq .name "user") (include "douyin.signingKeySecret" .root) }}
- {name: signing-key, mountPath: /etc/douyin/signing, readOnly: true}
{{- end }}
{{- if and .root.Values.mtls.enabled (ne .name "migrate") }}
- {name: tls, mountPath: /etc/douyin/tls, readOnly: true}
{{- end }}
{{- end -}}

{{/* Image of a service: dict root, name, svc. */}}
{{- define "douyin.serviceImage" -}}
{{- $image := merge (dict "name" (.svc.image.name | default .name)) .svc.image -}}
{{- include "douyin.image" (dict "root" .root "image" $image) -}}
{{- end -}}
