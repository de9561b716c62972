{{/* A single-node store, a StatefulSet with its data and its Service: dict root, name, port,
store (its values), and command, args, env, mounts, volumes, probe, preStop as YAML. */}}
{{- define "douyin.devStore" -}}
{{- $labelled := dict "root" .root "component" .name -}}
---
apiVersion: v1
kind: Service
metadata:
  {{- include "douyin.metadata" $labelled | nindent 2 }}
spec:
  selector:
    {{- include "douyin.selector" $labelled | nindent 4 }}
  ports:
    - {name: {{ .name }}, port: {{ .port }}, targetPort: store, protocol: TCP}
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  {{- include "douyin.metadata" $labelled | nindent 2 }}
spec:
  serviceName: {{ include "douyin.fullname" .root }}-{{ .name }}
  replicas: 1
  selector:
    matchLabels:
      {{- include "douyin.selector" $labelled | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "douyin.podLabels" $labelled | nindent 8 }}
      {{- with .checksum }}
      annotations:
        douyin.dev/config: {{ . | sha256sum | trunc 16 | quote }}
      {{- end }}
    spec:
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: 30
      securityContext:
        {{- include "douyin.podSecurity" .root | nindent 8 }}
      {{- with .root.Values.image.pullSecrets }}
      imagePullSecrets:
        {{- range . }}
        - name: {{ . }}
        {{- end }}
      {{- end }}
      containers:
        - name: {{ .name }}
          image: {{ .store.image }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          {{- with .command }}
          command:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- with .args }}
          args:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- with .env }}
          env:
            {{- . | nindent 12 }}
          {{- end }}
          ports:
            - {name: store, containerPort: {{ .port }}, protocol: TCP}
          startupProbe:
            {{- .probe | nindent 12 }}
            periodSeconds: 1
            timeoutSeconds: 3
            failureThreshold: 180
          readinessProbe:
            {{- .probe | nindent 12 }}
            periodSeconds: 5
            timeoutSeconds: 3
          {{- with .preStop }}
          lifecycle:
            preStop:
              exec: {command: {{ toJson . }}}
          {{- end }}
          resources:
            {{- toYaml .store.resources | nindent 12 }}
          securityContext:
            {{- include "douyin.containerSecurity" .root | nindent 12 }}
          volumeMounts:
            - {name: data, mountPath: /data}
            - {name: tmp, mountPath: /tmp}
            {{- with .mounts }}
            {{- . | nindent 12 }}
            {{- end }}
      volumes:
        - name: tmp
          emptyDir: {}
        {{- if not .root.Values.dev.persistence }}
        - name: data
          emptyDir: {sizeLimit: {{ .store.storage }}}
        {{- end }}
        {{- with .volumes }}
        {{- . | nindent 8 }}
        {{- end }}
  {{- if .root.Values.dev.persistence }}
  persistentVolumeClaimRetentionPolicy: {whenDeleted: Retain, whenScaled: Retain}
  volumeClaimTemplates:
    - apiVersion: v1
      kind: PersistentVolumeClaim
      metadata:
        name: data
        labels:
          {{- include "douyin.selector" $labelled | nindent 10 }}
      spec:
        accessModes: [ReadWriteOnce]
        {{- with .root.Values.dev.storageClassName }}
        storageClassName: {{ . }}
        {{- end }}
        resources:
          requests: {storage: {{ .store.storage }}}
  {{- end }}
{{- if .root.Values.networkPolicy.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "douyin.metadata" $labelled | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "douyin.selector" $labelled | nindent 6 }}
  policyTypes: [Ingress]
  ingress:
    - from:
        - podSelector:
            matchLabels:
              app.kubernetes.io/instance: {{ .root.Release.Name }}
              douyin.dev/{{ .name }}-client: "true"
      ports:
        - {port: store, protocol: TCP}
{{- end }}
{{- end -}}

{{/* Schemas of the services that are on, by name. */}}
{{- define "douyin.schemas" -}}
{{- $all := list -}}
{{- range $name, $own := .Values.services -}}
{{- $svc := mergeOverwrite (deepCopy $.Values.defaults) $own -}}
{{- if and $svc.enabled $svc.schema }}{{ $all = append $all $svc.schema }}{{ end -}}
{{- end -}}
{{- $all | uniq | sortAlpha | join " " -}}
{{- end -}}
