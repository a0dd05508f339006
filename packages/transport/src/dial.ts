import { connect as connectTcp, isIP, type LookupFunction, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Ending } from "@mailfleet/mail";
import { lookup } from "./lookup.ts";
import type { NextHopSettings } from "./next-hop.ts";
import type { TimeLimits } from "./time-limits.ts";
import { tlsOptions } from "./tls-options.ts";

export type Dialed =
  | { readonly ok: true; readonly socket: Socket; readonly tls: boolean }
  | { readonly ok: false; readonly ending: Ending };

/** Connects to the next hop: looks it up, opens TCP and, where TLS comes first, TLS; each with its own time limit. */
export async function dial(settings: NextHopSettings, limits: TimeLimits, stopping?: AbortSignal): Promise<Dialed> {
  const found = await lookup(settings.host, limits.dnsMs, stopping);
  if (stopping?.aborted)
    return { ok: false, ending: { phase: "connect", cause: { kind: "withdrawn", why: "stopping" } } };
  if (!found.ok) return { ok: false, ending: { phase: "dns", cause: found.cause } };

  const tls = settings.security === "tls";
  // All addresses go to Node, which tries them one after the other ("happy eyeballs", RFC 8305).
  const known: LookupFunction = (_host, { all }, answer) => {
    const first = found.addresses[0];
    if (all) answer(null, [...found.addresses]);
    else answer(null, first?.address ?? "", first?.family);
  };
  const target = { host: settings.host, port: settings.port, ...(isIP(settings.host) ? {} : { lookup: known }) };
  const socket = tls ? connectTls({ ...target, ...tlsOptions(settings) }) : connectTcp(target);
  socket.setNoDelay(true);

  return new Promise((resolve) => {
    let phase: "connect" | "tls" = "connect";
    const done = () => {
      clearTimeout(timer);
      stopping?.removeEventListener("abort", onStop);
    };
    const fail = (cause: Ending["cause"]) => {
      done();
      // Trouble may still come up while it goes down, and nobody wants to hear of it.
      socket.removeAllListeners("error").on("error", () => {});
      socket.destroy();
      resolve({ ok: false, ending: { phase, cause } });
    };
    const expired = () => fail({ kind: "timeout" });
    const onStop = () => fail({ kind: "withdrawn", why: "stopping" });
    stopping?.addEventListener("abort", onStop);
    let timer = setTimeout(expired, limits.connectMs);

    const opened = () => {
      done();
      socket.removeListener("error", onError).removeListener("close", onClose);
      resolve({ ok: true, socket, tls });
    };
    const onError = (error: Error) => {
      if (phase === "tls") return fail({ kind: "tls", detail: error.message });
      fail({ kind: "refused", detail: "code" in error ? String(error.code) : error.message });
    };
    const onClose = () =>
      fail(phase === "tls" ? { kind: "tls", detail: "closed during the handshake" } : { kind: "closed" });

    socket.on("error", onError).on("close", onClose);
    socket.once("connect", () => {
      if (!tls) return opened();
      phase = "tls";
      clearTimeout(timer);
      timer = setTimeout(expired, limits.tlsMs);
    });
    if (tls) socket.once("secureConnect", opened);
  });
}
