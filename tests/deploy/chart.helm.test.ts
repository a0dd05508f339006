/** The Helm chart, as Helm sees it; nothing is installed anywhere. */
import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { openDatabase } from "../../packages/store/src/index.ts";
import { privateDatabase } from "../../packages/testkit/src/index.ts";

const chart = path.resolve(import.meta.dirname, "../../deploy/helm/mailfleet");
const everything = [
  "existingSecret=mailfleet",
  "intake.autoscaling.enabled=true",
  "intake.smtp.tlsSecret=certificate",
  "outboxDispatch.keda.enabled=true",
  "imapWatch.keda.enabled=true",
  "answerWorker.keda.enabled=true",
  "answerTools.configMap=tools",
  "podMonitor.enabled=true",
  "publicUrl=https://mail.example.org",
  "env.MAILFLEET_EHLO_NAME=out.example.org",
];

const helm = (...args: string[]) => promisify(execFile)("helm", args, { timeout: 60_000 });
const settings = (values: readonly string[]) => values.flatMap((value) => ["--set", value]);

/** The manifests, one text each. */
async function rendered(values: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await helm("template", "post", chart, ...settings(values));
  return stdout.split(/^---$/m).filter((text) => text.includes("kind:"));
}

const ofKind = (manifests: readonly string[], kind: string) =>
  manifests.filter((text) => new RegExp(`^kind: ${kind}$`, "m").test(text));

const field = (text: string, name: string) => text.match(new RegExp(`^ *(?:- )?${name}: (.*)$`, "m"))?.[1];

test("the chart passes a strict lint, with everything on and with everything off", async () => {
  await helm("lint", "--strict", chart, ...settings(everything));
  const off = ["board", "imapWatch", "answerWorker", "intake.smtp", "migrate"].map((name) => `${name}.enabled=false`);
  await helm("lint", "--strict", chart, ...settings(["existingSecret=x", ...off]));
});

test("without a secret the chart says which value is missing", async () => {
  await expect(rendered([])).rejects.toThrow("existingSecret");
});

test("Kubernetes waits longer than the processes are told to take", async () => {
  const deployments = ofKind(await rendered([...everything, "graceSeconds=45"]), "Deployment");
  expect(deployments).toHaveLength(5);
  for (const deployment of deployments) {
    expect(deployment).toMatch(/name: MAILFLEET_GRACE\n +value: "45s"/);
    expect(Number(field(deployment, "terminationGracePeriodSeconds"))).toBeGreaterThanOrEqual(45 + 5);
  }
});

test("every container runs read-only, without rights, as nobody special", async () => {
  const manifests = await rendered(everything);
  const pods = [...ofKind(manifests, "Deployment"), ...ofKind(manifests, "Job")];
  expect(pods).toHaveLength(6);
  for (const pod of pods) {
    expect(pod).toContain("readOnlyRootFilesystem: true");
    expect(pod).toContain("allowPrivilegeEscalation: false");
    expect(pod).toContain("runAsNonRoot: true");
    expect(pod).toContain("drop: [ALL]");
  }
});

test("no secret is written into a manifest: each comes from the operator's own", async () => {
  for (const manifest of await rendered(everything)) {
    expect(manifest).not.toMatch(/name: MAILFLEET_(DATABASE_URL|REDIS_URL|ADMIN_TOKEN|SECRET_KEYS|BLOB_URL)\n +value:/);
  }
});

test("the operator's settings reach every process", async () => {
  for (const deployment of ofKind(await rendered(everything), "Deployment")) {
    expect(deployment).toMatch(/name: MAILFLEET_EHLO_NAME\n +value: "out\.example\.org"/);
  }
});

test("what scales a deployment is alone in setting its replicas", async () => {
  const scaled = ofKind(await rendered(everything), "Deployment").filter((text) => !/name: post.*-board$/m.test(text));
  for (const deployment of scaled) expect(field(deployment, "replicas")).toBeUndefined();
  for (const deployment of ofKind(await rendered(["existingSecret=x"]), "Deployment")) {
    expect(Number(field(deployment, "replicas"))).toBeGreaterThan(0);
  }
});

test("every query that scales is one that our schema answers", async () => {
  const scaledObjects = ofKind(await rendered(everything), "ScaledObject");
  expect(scaledObjects).toHaveLength(3);
  await using database = await privateDatabase();
  await using sql = openDatabase({ url: database.url, poolSize: 1 });
  for (const scaledObject of scaledObjects) {
    const query = JSON.parse(field(scaledObject, "query") ?? "null");
    expect(await sql.query(query), query).toEqual([{ count: 0 }]);
  }
});

test("the operator's tools reach intake and the answer workers, from a config map or a secret, and nobody else", async () => {
  for (const [value, source] of [
    ["configMap", /configMap:\n +name: tools/],
    ["secret", /secret:\n +secretName: tools/],
  ] as const) {
    const manifests = await rendered(["existingSecret=x", `answerTools.${value}=tools`]);
    const withTools = ofKind(manifests, "Deployment").filter((text) => text.includes("/etc/mailfleet/tools"));
    expect(withTools.map((text) => field(text, "name"))).toEqual([
      expect.stringMatching(/-answer-worker$/),
      expect.stringMatching(/-intake$/),
    ]);
    for (const text of withTools) {
      expect(text).toMatch(/MAILFLEET_ANSWER_TOOLS_FILE\n +value: "\/etc\/mailfleet\/tools\/tools\.json"/);
      expect(text).toMatch(source);
    }
  }
});
