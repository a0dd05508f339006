{{/* What scales a kind of process by what PostgreSQL counts. Takes root, component, keda (values), target (per replica). */}}
{{- define "mailfleet.scaledObject" -}}
{{- $name := printf "%s-%s" (include "mailfleet.name" .root) .component -}}
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ $name }}
  labels: {{- include "mailfleet.labels" . | nindent 4 }}
spec:
  scaleTargetRef:
    name: {{ $name }}
  minReplicaCount: {{ .keda.minReplicas }}
  maxReplicaCount: {{ .keda.maxReplicas }}
  pollingInterval: {{ .keda.pollingIntervalSeconds }}
  cooldownPeriod: {{ .keda.cooldownSeconds }}
  fallback:
    failureThreshold: 3
    replicas: {{ .keda.fallbackReplicas }}
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        scaleDown:
          stabilizationWindowSeconds: {{ .keda.scaleDownWindowSeconds }}
  triggers:
    - type: postgresql
      metricType: AverageValue
      metadata:
        connectionFromEnv: MAILFLEET_DATABASE_URL
        query: {{ .keda.query | quote }}
        targetQueryValue: {{ .target | quote }}
{{- end -}}
