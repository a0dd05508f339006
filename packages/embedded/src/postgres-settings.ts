/**
 * The server's settings, as for production: what is committed is on disk, and only loopback may connect.
 *
 * `extra` comes last and wins, for tests that can do without a disk's promise.
 */
export function postgresSettings(port: number, extra: Readonly<Record<string, string>> = {}): string {
  const settings: Record<string, string> = {
    listen_addresses: "127.0.0.1",
    port: String(port),
    unix_socket_directories: "", // One door less, and no folder that two users must share.

    fsync: "on",
    synchronous_commit: "on",
    full_page_writes: "on",
    wal_compression: "pglz",
    max_wal_size: "2GB",
    checkpoint_timeout: "15min",

    max_connections: "200",
    shared_buffers: "192MB",
    effective_cache_size: "1GB",
    random_page_cost: "1.1",
    jit: "off", // Our statements are short; compiling one costs more than it saves.

    TimeZone: "UTC",
    log_timezone: "UTC",
    lc_messages: "C",

    // A week of logs, a file per weekday, so that they cannot fill the disk.
    logging_collector: "on",
    log_directory: "log",
    log_filename: "postgresql-%a.log",
    log_rotation_age: "1d",
    log_rotation_size: "0",
    log_truncate_on_rotation: "on",
    ...extra,
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`)
    .join("");
}
