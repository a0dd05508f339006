{{/*
A kind of process: its deployment and its disruption budget.
Takes root, component, values (replicas, resources, pdb, …), script, secrets, optionalSecrets, env, ports (name → number),
scaled (something else sets its replicas), and mounts (a list of name, path, volume).
*/}}
{{- define "mailfleet.process" -}}
{{- $name := printf "%s-%s" (include "mailfleet.name" .root) .component -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}
  labels: {{- include "mailfleet.labels" . | nindent 4 }}
spec:
  {{- if not .scaled }}
  replicas: {{ .values.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: 0
  selector:
    matchLabels: {{- include "mailfleet.selector" . | nindent 6 }}
  template:
    metadata:
      labels: {{- include "mailfleet.labels" . | nindent 8 }}
      {{- with .values.podAnnotations }}
      annotations: {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      serviceAccountName: {{ include "mailfleet.serviceAccount" .root }}
      automountServiceAccountToken: false
      # The grace that the process is told, 5 s to close its resources, and 5 s of margin.
      terminationGracePeriodSeconds: {{ add (int .root.Values.graceSeconds) 10 }}
      securityContext: {{- include "mailfleet.podSecurityContext" . | nindent 8 }}
      {{- with .root.Values.imagePullSecrets }}
      imagePullSecrets: {{- toYaml . | nindent 8 }}
      {{- end }}
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels: {{- include "mailfleet.selector" . | nindent 14 }}
      {{- with .values.nodeSelector }}
      nodeSelector: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .values.tolerations }}
      tolerations: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .values.affinity }}
      affinity: {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
        - name: {{ .component }}
          image: {{ include "mailfleet.image" .root }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          args: [{{ .script | quote }}]
          securityContext: {{- include "mailfleet.securityContext" . | nindent 12 }}
          env: {{- include "mailfleet.env" . | nindent 12 }}
          ports:
            - name: metrics
              containerPort: 8627
            {{- range $port, $number := .ports }}
            - name: {{ $port }}
              containerPort: {{ $number }}
            {{- end }}
          startupProbe:
            httpGet: { path: /health/live, port: metrics }
            periodSeconds: 2
            failureThreshold: 30
          livenessProbe:
            httpGet: { path: /health/live, port: metrics }
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 3
          readinessProbe:
            httpGet: { path: /health/ready, port: metrics }
            periodSeconds: 5
            timeoutSeconds: 5
            failureThreshold: 2
          resources: {{- toYaml .values.resources | nindent 12 }}
          volumeMounts:
            - name: tmp
              mountPath: /tmp
            {{- range .mounts }}
            - name: {{ .name }}
              mountPath: {{ .path }}
              readOnly: true
            {{- end }}
            {{- with .values.extraVolumeMounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
      volumes:
        - name: tmp
          emptyDir: { sizeLimit: 256Mi }
        {{- range .mounts }}
        - name: {{ .name }}
          {{- toYaml .volume | nindent 10 }}
        {{- end }}
        {{- with .values.extraVolumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $name }}
  labels: {{- include "mailfleet.labels" . | nindent 4 }}
spec:
  {{- toYaml .values.pdb | nindent 2 }}
  selector:
    matchLabels: {{- include "mailfleet.selector" . | nindent 6 }}
{{- end -}}

{{/* A service in front of a kind of process. Takes root, component, suffix, service (type, annotations), ports (list). */}}
{{- define "mailfleet.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ printf "%s-%s" (include "mailfleet.name" .root) .suffix }}
  labels: {{- include "mailfleet.labels" . | nindent 4 }}
  {{- with .service.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ .service.type }}
  selector: {{- include "mailfleet.selector" . | nindent 4 }}
  ports: {{- toYaml .ports | nindent 4 }}
{{- end -}}
