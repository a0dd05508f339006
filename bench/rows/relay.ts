/** Rows 3 and 4: mail in, durable, mail out; by SMTP and by HTTP, and by a Postfix that does the same. */
import { privatePostfix } from "@mailfleet/testkit";
import { type Lab, tenantId } from "../lab.ts";
import { startProgram } from "../parts/child.ts";
import type { CpuGroup } from "../parts/cpu.ts";
import { pidListening } from "../parts/listener.ts";
import { clearOutbox, letter, settle } from "../parts/seed.ts";
import { type CountingSink, startSink } from "../parts/sink.ts";
import { openWindow, type Sources, type Window } from "../parts/window.ts";

const connections = 20;
/** Sessions and HTTP connections of the load; the same towards both. */
const smtpSessions = 40;
const batch = { size: 200, connections: 4 };
/** Before anything is counted. */
const warmSeconds = 3;
/** What was accepted must have come out this long after the load ends. */
const drainedWithinMs = 120_000;

/** A source that says how much was accepted when its time is over. */
type Load = (seconds: number) => ReturnType<typeof startProgram>;

export async function relayByPostfix(lab: Lab, seconds: number): Promise<Window> {
  await using sink = await startSink(lab.folder);
  await using postfix = await privatePostfix({ relayPort: sink.port });
  const master = pidListening(postfix.port);
  const groups: CpuGroup[] = [{ name: "postfix", pids: [master], withChildren: true }, sinkGroup(sink)];
  const load: Load = (total) =>
    startProgram("bench/programs/smtp-source.ts", {
      port: postfix.port,
      sessions: smtpSessions,
      seconds: total,
      letter,
    });
  return await carry({ count: sink.count, groups }, sink, load, seconds);
}

export async function relayByFleet(lab: Lab, door: "smtp" | "http", seconds: number): Promise<Window> {
  await using sink = await startSink(lab.folder);
  await clearOutbox(lab.db);
  await lab.account(sink.port, connections);
  await settle(lab.db);
  await using intake = await lab.startIntake();
  await using dispatch = lab.startDispatch();
  const groups: CpuGroup[] = [
    { name: "intake", pids: [intake.pid], withChildren: false },
    { name: "dispatch", pids: [dispatch.pid], withChildren: false },
    ...lab.servers,
    sinkGroup(sink),
  ];
  const load: Load = (total) =>
    door === "smtp"
      ? startProgram("bench/programs/smtp-source.ts", {
          port: intake.smtpPort,
          sessions: smtpSessions,
          seconds: total,
          letter,
          auth: { user: tenantId, pass: intake.key },
        })
      : startProgram("bench/programs/http-source.ts", {
          url: intake.apiUrl,
          key: intake.key,
          seconds: total,
          text: text(),
          batch,
        });
  return await carry({ count: sink.count, groups, fleet: lab }, sink, load, seconds);
}

/** Opens the window when the load is warm, and closes it when the last accepted message has come out. */
async function carry(sources: Sources, sink: CountingSink, load: Load, seconds: number): Promise<Window> {
  await using source = load(warmSeconds + seconds);
  const report = source.report<{ accepted: number }>((warmSeconds + seconds) * 1_000 + drainedWithinMs);
  report.catch(() => {}); // Awaited below; it may fail before.
  await new Promise((resolve) => setTimeout(resolve, warmSeconds * 1_000));
  const close = await openWindow(sources);
  const { accepted } = await report;
  await sink.reaches(accepted, drainedWithinMs);
  const window = await close();
  if (sink.count() !== accepted) throw new Error(`${accepted} were accepted and ${sink.count()} came out`);
  return window;
}

const sinkGroup = ({ pid }: CountingSink): CpuGroup => ({ name: "sink", pids: [pid], withChildren: false });

/** The header that intake writes makes it the letter's size again. */
const composedHeaderBytes = 300;
const text = () => letter.slice(letter.indexOf("\r\n\r\n") + 4, letter.length - composedHeaderBytes + 200);
