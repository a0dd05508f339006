import { isIP } from "node:net";
import type { MailboxSettings } from "@mailfleet/mail";
import { ImapFlow } from "imapflow";
import { type ImapTimeLimits, sizeLimits } from "./limits.ts";
import { secureContextFor } from "./secure-contexts.ts";
import { MailboxTroubleError, printable, type Trouble, troubleOf } from "./trouble.ts";

/** How to reach the server. */
export type ServerSettings = Pick<
  MailboxSettings,
  "host" | "port" | "security" | "caPem" | "allowInvalidCertificate" | "allowClearTextAuth"
>;

/** Who we are there. Secrets are open here; they are never logged. */
export type Login =
  | { readonly kind: "password"; readonly user: string; readonly pass: string }
  | { readonly kind: "oauth2"; readonly user: string; readonly accessToken: string };

/** The server's NO or BAD to a command: the connection is as good as before. */
export interface Refusal {
  readonly ok: false;
  /** The response code (RFC 5530), or `NO`. */
  readonly code: string;
  readonly detail: string;
}

export type Answer<T> = { readonly ok: true; readonly value: T } | Refusal;

/** The entries that imapflow logs; it tells of a refused command nowhere else. */
interface LogEntry {
  readonly err?: {
    readonly serverResponseCode?: unknown;
    readonly responseText?: unknown;
    readonly responseStatus?: unknown;
  };
}

const nothing = () => {};

/**
 * One connection to an IMAP server, used by one command at a time, each with its own time limit.
 *
 * It owns its socket: whatever goes wrong in the middle of a command ends the connection, and every later command
 * rejects with the same trouble.
 */
export class Line {
  readonly client: ImapFlow;
  readonly limits: ImapTimeLimits;
  /** Grows with every EXISTS that says another number than was known. */
  news = 0;
  /** Called once at the end of the connection, and at news. */
  onEvent: () => void = nothing;
  #trouble: Trouble | undefined;
  #refusal: Refusal | undefined;
  #loggedIn = false;

  private constructor(settings: ServerSettings, login: Login, limits: ImapTimeLimits) {
    this.limits = limits;
    const warn = (entry: LogEntry) => {
      const status = entry.err?.responseStatus;
      if (status === "NO" || status === "BAD") this.#refusal = refusalOf(entry.err, status);
    };
    this.client = new ImapFlow({ ...optionsOf(settings, login, limits), logger: { ...quiet, warn } });
    this.client.on("error", (error) => this.#end(troubleOf(error, { loggedIn: this.#loggedIn })));
    this.client.on("close", () => this.#end(this.#closed()));
    // Fewer than before are news as well: what was expunged is told otherwise, so it was the count that was wrong.
    this.client.on("exists", () => {
      this.news++;
      this.onEvent();
    });
  }

  /** Connects and logs in; `signal` gives it up. */
  static async open(
    settings: ServerSettings,
    login: Login,
    limits: ImapTimeLimits,
    signal?: AbortSignal,
  ): Promise<Line | Trouble> {
    if (settings.security === "none" && settings.allowClearTextAuth !== true) {
      return { kind: "unsupported", code: "CLEAR_TEXT", detail: "the credentials would travel in clear text" };
    }
    const line = new Line(settings, login, limits);
    const timer = setTimeout(() => line.#expire("the login"), limits.connectMs + limits.greetingMs + limits.loginMs);
    const giveUp = () => line.close();
    signal?.addEventListener("abort", giveUp, { once: true });
    try {
      if (signal?.aborted) line.close();
      await line.client.connect();
      line.#loggedIn = true;
      if (!line.isUp) throw new MailboxTroubleError(line.#trouble ?? line.#closed());
      return line;
    } catch (error) {
      // A login that failed leaves its socket open.
      const trouble = line.#trouble ?? troubleOf(error, { loggedIn: false });
      line.close();
      return trouble;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
    }
  }

  get isUp(): boolean {
    return this.#trouble === undefined && this.client.usable && this.client.state !== this.client.states.LOGOUT;
  }

  /** Why the connection has ended; undefined while it lives. */
  get trouble(): Trouble | undefined {
    return this.#trouble;
  }

  /**
   * Runs one command. imapflow gives `false` or nothing for what the server refuses, which is told apart here; only the
   * end of the connection rejects, with a `MailboxTroubleError`.
   */
  async command<T>(
    what: string,
    act: () => Promise<T | false | undefined>,
    limitMs: number = this.limits.commandMs,
  ): Promise<Answer<Exclude<T, false | undefined>>> {
    this.#refusal = undefined;
    const timer = setTimeout(() => this.#expire(what), limitMs);
    try {
      if (!this.isUp) throw this.#error();
      const value = await act();
      if (!this.isUp) throw this.#error();
      if (value === false || value === undefined) return this.#refusal ?? { ok: false, code: "NO", detail: what };
      return { ok: true, value: value as Exclude<T, false | undefined> };
    } catch (error) {
      if (error instanceof MailboxTroubleError) throw error;
      if (!this.isUp) throw this.#error(error);
      const told = error as NonNullable<LogEntry["err"]> & { readonly code?: unknown };
      if (told.responseStatus === "NO" || told.responseStatus === "BAD") return refusalOf(told, told.responseStatus);
      // A command that was not sent, or whose answer was not understood: nobody knows where the conversation stands.
      this.#end(troubleOf(error, { loggedIn: true }));
      this.close();
      throw this.#error(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Takes leave, as far as the server lets us within its time limit. */
  async logOut(): Promise<void> {
    if (this.isUp) {
      const timer = setTimeout(() => this.close(), this.limits.logoutMs);
      await this.client.logout().catch(nothing);
      clearTimeout(timer);
    }
    this.close();
  }

  close(): void {
    this.client.close();
  }

  /** Ends the connection where `what`, more than one command, is not over after `limitMs`; disposed of when it is. */
  within(what: string, limitMs: number): Disposable {
    const timer = setTimeout(() => this.#expire(what), limitMs);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  }

  #expire(what: string): void {
    this.#end({ kind: "unreachable", code: "TIMEOUT", detail: `${what} took too long` });
    this.close();
  }

  #closed(): Trouble {
    const reason = this.client.byeReason;
    if (reason) return { kind: "unreachable", code: "BYE", detail: printable(reason) };
    return { kind: "unreachable", code: "CLOSED", detail: "the connection was closed" };
  }

  #end(trouble: Trouble): void {
    if (this.#trouble !== undefined) return;
    this.#trouble = trouble;
    this.onEvent();
  }

  #error(cause?: unknown): MailboxTroubleError {
    return new MailboxTroubleError(this.#trouble ?? this.#closed(), cause);
  }
}

const quiet = { trace: nothing, debug: nothing, info: nothing, error: nothing, fatal: nothing };

function refusalOf(told: LogEntry["err"], status: string): Refusal {
  const code = told?.serverResponseCode;
  const text = told?.responseText;
  return {
    ok: false,
    code: typeof code === "string" ? code.toUpperCase() : status,
    detail: printable(typeof text === "string" ? text : "the server refused"),
  };
}

function optionsOf(
  { host, port, security, caPem, allowInvalidCertificate }: ServerSettings,
  login: Login,
  limits: ImapTimeLimits,
) {
  return {
    host,
    port,
    secure: security === "tls",
    // `starttls`: upgraded, or not used at all; and never with TLS from the first byte.
    ...(security === "tls" ? {} : { doSTARTTLS: security === "starttls" }),
    tls: {
      ...(isIP(host) ? {} : { servername: host }),
      ...(security === "none" ? {} : { secureContext: secureContextFor(caPem) }),
      rejectUnauthorized: allowInvalidCertificate !== true,
    },
    auth:
      login.kind === "password"
        ? { user: login.user, pass: login.pass }
        : { user: login.user, accessToken: login.accessToken },
    clientInfo: { name: "Mailfleet", vendor: false as const, "support-url": false as const, version: false as const },
    // A window of DEFLATE on each side would cost more memory than all the rest.
    disableCompression: true,
    // When to idle is `waiting.ts`'s to say.
    disableAutoIdle: true,
    // With QRESYNC enabled the server tells of expunged messages by VANISHED, which imapflow does not count: as many
    // arrivals as were expunged would then be no news.
    qresync: false,
    connectionTimeout: limits.connectMs,
    greetingTimeout: limits.greetingMs,
    // The limits of commands end a dead connection; this one only must not come before them.
    socketTimeout: limits.idleMs + limits.commandMs + limits.contentMs,
    maxLineLength: sizeLimits.lineBytes,
    maxLiteralSize: sizeLimits.literalBytes,
    maxResponseSize: sizeLimits.responseBytes,
  };
}
