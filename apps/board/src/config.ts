import { type Environment, fleetSettings, type Reader, reader } from "@mailfleet/config";

export type BoardSettings = ReturnType<typeof boardSettings>;

/** The settings that are the board's own, whichever process it runs in. */
export function boardSettings({ text, integer, flag }: Reader) {
  return {
    boardHost: text("BOARD_HOST", "Address that the board listens on.", { otherwise: "127.0.0.1" }),
    boardPort: integer("BOARD_PORT", "Port of the board; 0 picks a free one.", {
      min: 0,
      max: 65_535,
      otherwise: 8626,
    }),
    boardWritable: flag("BOARD_WRITABLE", "Whether queues and jobs may be changed on the board.", { otherwise: false }),
  };
}

/** Everything that a process of the board's own can be told. A bad environment is reported whole, at start. */
export function readConfig(env: Environment) {
  const settings = reader(env);
  const fleet = fleetSettings(settings);
  for (const name of ["databaseUrl", "redisUrl"] as const) {
    if (fleet[name] !== undefined) continue;
    const setting = name === "databaseUrl" ? "DATABASE_URL" : "REDIS_URL";
    settings.refuse(setting, "is required: only `mailfleet up` brings one of its own");
  }
  const config = settings.check({ ...fleet, ...boardSettings(settings) });
  return { ...config, warnings: settings.warnings() };
}
