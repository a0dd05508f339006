/** The seam to smtp-server: its callbacks on one side, conversations on the other, and its defaults made ours. */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Refusal } from "@mailfleet/delivery";
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from "smtp-server";
import type { SMTPConnectionOptions } from "smtp-server/lib/smtp-connection.js";
import type { Certificate } from "./certificate.ts";
import type { Conversation, Peer } from "./conversation.ts";
import type { SmtpLimits } from "./limits.ts";
import { type SessionResult, SubmissionConnection } from "./submission-connection.ts";

export interface SubmissionServerOptions {
  readonly name: string;
  readonly limits: SmtpLimits;
  readonly maxClients: number;
  readonly maxMessageBytes: number;
  readonly maxRecipients: number;
  readonly proxies: readonly string[];
  readonly certificate: Certificate | undefined;
  /** Without a certificate, AUTH in clear or no AUTH at all. */
  readonly allowsClearAuth: boolean;
  readonly converse: () => Conversation;
  readonly onSessionEnd: (session: EndedSession) => void;
}

export interface EndedSession {
  readonly sessionId: string;
  readonly result: SessionResult;
  readonly remoteAddress: string;
  readonly tenantId: string | undefined;
  readonly messages: number;
  readonly durationMs: number;
}

const minVersion = "TLSv1.2";

export class SubmissionServer extends SMTPServer {
  readonly limits: SmtpLimits;
  isDraining = false;
  readonly #converse: () => Conversation;
  readonly #byId = new Map<string, SubmissionConnection>();
  readonly #sockets = new Set<Socket>();
  readonly #watch: NodeJS.Timeout;

  constructor(options: SubmissionServerOptions) {
    const { certificate, allowsClearAuth, limits } = options;
    const hasTls = certificate !== undefined;
    super({
      name: options.name,
      heloResponse: "%s",
      logger: false,
      disableReverseLookup: true,
      hideENHANCEDSTATUSCODES: false,
      hideDSN: false,
      authMethods: ["PLAIN", "LOGIN"],
      authRequiredMessage: "Authentication required",
      allowInsecureAuth: !hasTls && allowsClearAuth,
      hideSTARTTLS: !hasTls,
      // Jokes and what only proxies need; and STARTTLS with smtp-server's built-in key, which everybody has.
      disabledCommands: [
        ...["WIZ", "SHELL", "KILL", "XCLIENT", "XFORWARD"],
        ...(hasTls ? [] : ["STARTTLS"]),
        ...(hasTls || allowsClearAuth ? [] : ["AUTH"]),
      ],
      ...(certificate && { ...certificate, minVersion }),
      size: options.maxMessageBytes,
      maxRecipients: options.maxRecipients,
      maxClients: options.maxClients,
      maxCommandLength: limits.commandLength,
      maxAllowedUnauthenticatedCommands: limits.unauthenticatedCommands,
      socketTimeout: limits.idleMs,
      useProxy: [...options.proxies],

      onConnect: (_session, callback) => callback(),
      onAuth: ({ username, password }, session, callback) => {
        const { conversation } = this.#of(session);
        conversation.authenticate(username ?? "", password ?? "", session.remoteAddress).then((result) => {
          if (result.kind === "authenticated") callback(null, { user: result.submitter.tenantId });
          else callback(asError(result.reply));
        }, callback);
      },
      onMailFrom: (path, session, callback) =>
        answer(this.#of(session).conversation.mail(path, peerOf(session)), callback),
      onRcptTo: (path, session, callback) => answer(this.#of(session).conversation.recipient(path), callback),
      onData: (stream, session, callback) => receive(stream, this.#of(session), callback),
      onClose: (session) => {
        const connection = this.#byId.get(session.id);
        if (!connection) return;
        this.#byId.delete(session.id);
        const { conversation, result, remoteAddress, ageMs } = connection;
        const { tenantId, messages } = conversation;
        conversation.close();
        options.onSessionEnd({ sessionId: session.id, result, remoteAddress, tenantId, messages, durationMs: ageMs });
      },
    });
    this.limits = limits;
    this.#converse = options.converse;
    this.server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    this.#watch = setInterval(() => {
      for (const connection of this.#byId.values()) connection.checkDeadlines();
    }, limits.watchMs).unref();
  }

  override connect(socket: Socket | TLSSocket, socketOptions?: SMTPConnectionOptions | null): void {
    const connection = new SubmissionConnection(this, socket, socketOptions, this.#converse());
    this.connections.add(connection);
    this.#byId.set(connection.id, connection);
    connection.on("error", (error) => this._onError(error));
    connection.init();
  }

  /** Sessions that are open, those that are being closed included. */
  get sessions(): number {
    return this.#byId.size;
  }

  renewCertificate(certificate: Certificate): void {
    this.updateSecureContext({ ...certificate });
  }

  /** Takes no more sessions; those that are idle end, the others when their transaction has. */
  drain(): void {
    if (this.isDraining) return;
    this.isDraining = true;
    this.server.close();
    for (const connection of this.#byId.values()) connection.leaveWhenIdle();
  }

  /** Ends every session whose commit is not under way. */
  stop(): void {
    this.drain();
    for (const connection of this.#byId.values()) connection.stop();
  }

  /** Ends everything at once. */
  destroy(): void {
    this.stop();
    clearInterval(this.#watch);
    for (const socket of this.#sockets) socket.destroy();
  }

  #of(session: SMTPServerSession): SubmissionConnection {
    const connection = this.#byId.get(session.id);
    if (!connection) throw new Error("a command from a session that is over");
    return connection;
  }
}

function receive(
  stream: SMTPServerDataStream,
  connection: SubmissionConnection,
  callback: (error?: Error | null, message?: string) => void,
): void {
  const { conversation } = connection;
  conversation.beginContent();
  connection.contentBegins();
  stream.on("data", (chunk: Buffer) => conversation.content(chunk));
  stream.on("error", () => conversation.reset()); // The client is gone.
  stream.on("end", () => {
    connection.contentEnds();
    conversation
      .endContent()
      .finally(() => connection.committed())
      .then((reply) => {
        if (reply.code >= 400) callback(asError(reply));
        else callback(null, `${reply.status} ${reply.text}`);
      }, callback);
  });
}

function answer(refusal: Promise<Refusal | undefined>, callback: (error?: Error | null) => void): void {
  refusal.then((reply) => callback(reply && asError(reply)), callback);
}

/** smtp-server takes refusals as errors; the connection sees the status code in the text. */
const asError = ({ code, status, text }: Refusal): Error =>
  Object.assign(new Error(`${status} ${text}`), { responseCode: code });

const peerOf = (session: SMTPServerSession): Peer => ({
  sessionId: session.id,
  remoteAddress: session.remoteAddress,
  ehlo: session.hostNameAppearsAs,
  protocol: session.transmissionType,
});
