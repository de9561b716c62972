{{/* Name of the release's objects, which a service's name follows. */}}
{{- define "douyin.fullname" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* What finds the pods of a component: dict root, component. */}}
{{- define "douyin.selector" -}}
app.kubernetes.io/name: douyin
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* Labels of an object: dict root, component. */}}
{{- define "douyin.labels" -}}
{{ include "douyin.selector" . }}
app.kubernetes.io/part-of: douyin
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/version: {{ .root.Values.image.tag | default .root.Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Labels of a pod. No versions: a new chart alone replaces no pod. */}}
{{- define "douyin.podLabels" -}}
{{ include "douyin.selector" . }}
app.kubernetes.io/part-of: douyin
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Metadata of an object: dict root, component, and suffix of its name or none. */}}
{{- define "douyin.metadata" -}}
name: {{ include "douyin.fullname" .root }}-{{ .component }}{{ .suffix }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "douyin.labels" . | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- $annotations := merge (dict) (.annotations | default dict) .root.Values.commonAnnotations }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Reference of an image: dict root, image (name, tag, digest). */}}
{{- define "douyin.image" -}}
{{- if .image.digest -}}
{{ .root.Values.image.repository }}/{{ .image.name }}@{{ .image.digest }}
{{- else -}}
{{ .root.Values.image.repository }}/{{ .image.name }}:{{ .image.tag | default .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* Names of the services that are on, as a pattern. */}}
{{- define "douyin.jobs" -}}
{{- $on := list -}}
{{- range $name, $own := .Values.services -}}
{{- if (mergeOverwrite (deepCopy $.Values.defaults) $own).enabled }}{{ $on = append $on $name }}{{ end -}}
{{- end -}}
{{- join "|" $on -}}
{{- end -}}
