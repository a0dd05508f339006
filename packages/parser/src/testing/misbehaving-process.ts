/** A process for the tests of the pool: it does what its message says. */
import { existsSync, writeFileSync } from "node:fs";

const deeds: Readonly<Record<string, (argument: string) => void>> = {
  hang: () => {
    for (;;) Math.random();
  },
  "eat the heap": () => {
    const eaten: number[][] = [];
    for (;;) eaten.push(new Array(1_000).fill(eaten.length));
  },
  throw: () => {
    throw new Error("a deed");
  },
  exit: () => process.exit(3),
  "be killed": () => process.kill(process.pid, "SIGKILL"),
  /** Ends the first process that is asked, as somebody from outside may. */
  "be killed once": (file) => {
    if (existsSync(file)) return process.send?.("did survive");
    writeFileSync(file, "");
    return process.kill(process.pid, "SIGKILL");
  },
  "show the environment": () => process.send?.(Object.keys(process.env).filter((name) => name !== "NODE_CHANNEL_FD")),
  "show the process": () => process.send?.(process.pid),
};

process.on("disconnect", () => process.exit());
process.on("message", (message: string) => {
  const [deed = "", argument = ""] = message.split(": ");
  if (deeds[deed]) deeds[deed](argument);
  else process.send?.(`did ${deed}`);
});
process.send?.("ready");
