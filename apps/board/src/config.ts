import { type Environment, fleetSettings, reader } from "@mailfleet/config";

export type BoardConfig = ReturnType<typeof readBoardConfig>;

/** Everything the board can be told. A bad environment is reported whole. */
export function readBoardConfig(env: Environment) {
  const settings = reader(env);
  const { text, integer, flag, check, refuse } = settings;
  const fleet = fleetSettings(settings);
  const own = {
    host: text("BOARD_HOST", "Address that the board listens on.", { otherwise: "127.0.0.1" }),
    port: integer("BOARD_PORT", "Port of the board; 0 picks a free one.", { min: 0, max: 65_535, otherwise: 8626 }),
    writable: flag("BOARD_WRITABLE", "Whether queues and jobs may be changed on the board.", { otherwise: false }),
  };
  const needed = { DATABASE_URL: fleet.databaseUrl, REDIS_URL: fleet.redisUrl, ADMIN_TOKEN: fleet.adminToken };
  for (const [name, value] of Object.entries(needed)) {
    if (value === undefined) refuse(name, "is required here; `mailfleet up` brings its own");
  }
  return check({ ...fleet, ...own });
}
