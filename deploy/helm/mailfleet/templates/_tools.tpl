{{/*
The operator's file about answering, where there is one: intake refuses what it does not allow, answer workers keep to it.
Both give YAML: a list of mounts for mailfleet.process, and settings.
*/}}
{{- define "mailfleet.toolsMounts" -}}
{{- with .Values.answerTools -}}
{{- if or .secret .configMap -}}
- name: tools
  path: /etc/mailfleet/tools
  volume:
    {{- if .secret }}
    secret:
      secretName: {{ .secret }}
    {{- else }}
    configMap:
      name: {{ .configMap }}
    {{- end }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "mailfleet.toolsEnv" -}}
{{- if or .Values.answerTools.secret .Values.answerTools.configMap -}}
MAILFLEET_ANSWER_TOOLS_FILE: /etc/mailfleet/tools/tools.json
{{- end -}}
{{- end -}}
