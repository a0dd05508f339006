import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, listens, peerFolder, peerProgram, requireRoot, runToEnd } from "./peer-process.ts";

/** A Dovecot of one's own: LMTP and IMAP on free ports of loopback, and a Maildir for each user that is named. */
export interface PrivateDovecot extends AsyncDisposable {
  readonly host: "127.0.0.1";
  readonly lmtpPort: number;
  readonly imapPort: number;
  /** Every user's. */
  readonly password: string;
  /** The messages in a user's INBOX, as they were delivered. */
  inbox(user: string): Promise<string[]>;
  log(): Promise<string>;
}

/** Users are whole addresses, such as `ann@example.org`; others are refused with 550. */
export async function privateDovecot(users: readonly string[]): Promise<PrivateDovecot> {
  const dovecot = await peerProgram("dovecot", "dovecot-imapd dovecot-lmtpd");
  requireRoot("Dovecot");
  const folder = await peerFolder("dovecot");
  const [lmtpPort, imapPort] = [await freePort(), await freePort()];
  const at = (name: string) => join(folder.path, name);
  const password = "inbox-password";
  await mkdir(at("home"));
  await runToEnd("/bin/chown", ["mail:mail", at("home")]);
  await writeFile(at("users"), users.map((user) => `${user}:{PLAIN}${password}::::::\n`).join(""));
  await writeFile(
    at("dovecot.conf"),
    `base_dir = ${at("run")}
log_path = ${at("log")}
protocols = lmtp imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
postmaster_address = postmaster@dovecot.test
hostname = dovecot.test
first_valid_uid = 1
mail_location = maildir:~/Maildir
lda_mailbox_autocreate = yes
lmtp_save_to_detail_mailbox = no
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u ${at("users")}
}
userdb {
  driver = passwd-file
  args = username_format=%u ${at("users")}
  override_fields = uid=mail gid=mail home=${at("home")}/%u
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = ${lmtpPort}
  }
}
service imap-login {
  inet_listener imap {
    port = ${imapPort}
  }
  inet_listener imaps {
    port = 0
  }
}
service stats {
  client_limit = 100
}
`,
  );
  const log = () => readFile(at("log"), "utf8").catch(() => "");
  // In the foreground it stays a child of ours, and ends with one signal.
  const child = spawn(dovecot, ["-F", "-c", at("dovecot.conf")], { stdio: ["ignore", "ignore", "inherit"] });
  try {
    await Promise.all([listens(lmtpPort), listens(imapPort)]);
  } catch (error) {
    child.kill();
    throw new Error(`the private Dovecot did not start\n${await log()}`, { cause: error });
  }
  return {
    host: "127.0.0.1",
    lmtpPort,
    imapPort,
    password,
    log,
    async inbox(user) {
      const messages: string[] = [];
      for (const part of ["new", "cur"]) {
        const path = join(at("home"), user, "Maildir", part);
        const names = await readdir(path).catch(() => []);
        for (const name of names.sort()) messages.push(await readFile(join(path, name), "utf8"));
      }
      return messages;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill();
        await once(child, "exit");
      }
      await folder[Symbol.asyncDispose]();
    },
  };
}
