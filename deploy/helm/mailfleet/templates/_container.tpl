{{/* What every container of ours has: no rights, no writable root, and its settings. Takes root, secrets, env. */}}
{{- define "mailfleet.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "mailfleet.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "mailfleet.env" -}}
{{- $secret := include "mailfleet.secret" .root }}
{{- range .secrets }}
- name: {{ . }}
  valueFrom:
    secretKeyRef:
      name: {{ $secret }}
      key: {{ . }}
{{- end }}
{{- range .optionalSecrets }}
- name: {{ . }}
  valueFrom:
    secretKeyRef:
      name: {{ $secret }}
      key: {{ . }}
      optional: true
{{- end }}
- name: MAILFLEET_GRACE
  value: {{ printf "%ds" (int .root.Values.graceSeconds) | quote }}
- name: MAILFLEET_LOG_LEVEL
  value: {{ .root.Values.logLevel | quote }}
{{- with .root.Values.publicUrl }}
- name: MAILFLEET_PUBLIC_URL
  value: {{ . | quote }}
{{- end }}
{{- range $name, $value := merge (dict) (.env | default dict) (.root.Values.env | default dict) }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end -}}
