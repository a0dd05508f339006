/**
 * Where secrets are sent. Nobody can read a stored one, and whoever may change settings must not be able to have it sent
 * to a place of their own: where its destination changes, it has to be given anew.
 */

/** What mailboxes and accounts have in common. */
interface Server {
  readonly host: string;
  readonly port: number;
  readonly security: "tls" | "starttls" | "none";
  readonly caPem?: string;
  readonly allowInvalidCertificate?: boolean;
  readonly allowClearTextAuth?: boolean;
  readonly auth?: { readonly kind: "password" } | { readonly kind: "oauth2"; readonly tokenUrl: string };
}

/**
 * Whether what one logs in with would go somewhere else than before, or less protected on its way there. OAuth's secrets
 * go to the token endpoint, and the token that they give to the server.
 */
export function isLoginElsewhere(before: Server, after: Server): boolean {
  return (
    before.host !== after.host ||
    before.port !== after.port ||
    before.caPem !== after.caPem ||
    (after.security === "none" && before.security !== "none") ||
    isNewly("allowClearTextAuth", before, after) ||
    isNewly("allowInvalidCertificate", before, after) ||
    tokenUrlOf(before) !== tokenUrlOf(after)
  );
}

const isNewly = (name: "allowClearTextAuth" | "allowInvalidCertificate", before: Server, after: Server): boolean =>
  after[name] === true && before[name] !== true;

const tokenUrlOf = ({ auth }: Server): string | undefined => (auth?.kind === "oauth2" ? auth.tokenUrl : undefined);

/**
 * SQL of the credential of a mailbox or an account `h`: how and where it logs in, without its secrets. Who has the same
 * shares its access token, so it names all that `isLoginElsewhere` looks at: a login that anybody can write in a second
 * mailbox gets no token for another server.
 */
export const credentialSql = `h.settings -> 'auth' || jsonb_build_object('server', encode(sha256(convert_to(jsonb_build_array(
  h.settings -> 'host', h.settings -> 'port', h.settings -> 'security', h.settings -> 'caPem',
  h.settings -> 'allowInvalidCertificate', h.settings -> 'allowClearTextAuth')::text, 'UTF8')), 'hex'))`;
