/** What a Dovecot of our own is told; all of it that depends on the machine, the ports and the owner's wishes. */
export interface DovecotLayout {
  /** Holds settings, users, certificate, log and mail. */
  readonly folder: string;
  /** Where its sockets lie; apart, since their paths have a limit of 107 bytes. */
  readonly runFolder: string;
  /** The names of the user and the group that all of it runs as. */
  readonly user: string;
  readonly group: string;
  readonly ports: DovecotPorts;
  readonly tls: boolean;
  readonly maxConnections: number;
  /** Further lines, which win over ours. */
  readonly settings: string;
}

export interface DovecotPorts {
  readonly imap: number;
  readonly imaps: number;
  readonly lmtp: number;
}

/** These change to users or folders of their own, which only root may. */
const services = ["anvil", "imap-login", "imap-urlauth-login", "ipc", "old-stats", "stats"];

/**
 * Settings for Dovecot 2.3 with every process under one ordinary user: nothing in it needs root. Mail lies in a
 * Maildir per user; users are asked for by their whole address, and unknown ones refused.
 *
 * Each idle connection takes one of Linux's inotify instances, of which a user has 128 by default; those beyond it
 * learn of new mail from a look at the folder every two seconds.
 */
export function dovecotSettings(layout: DovecotLayout): string {
  const { folder, runFolder, user, group, ports, tls, maxConnections } = layout;
  const blocks = services.map((name) => `service ${name} {\n  chroot =\n}\n`);
  return `base_dir = ${runFolder}
state_dir = ${folder}/state
log_path = ${folder}/log
protocols = imap lmtp
listen = 127.0.0.1
default_internal_user = ${user}
default_internal_group = ${group}
default_login_user = ${user}
mail_uid = ${user}
mail_gid = ${group}
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:~/Maildir
postmaster_address = postmaster@localhost
hostname = localhost
lda_mailbox_autocreate = yes
lmtp_save_to_detail_mailbox = no
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2 oauthbearer
auth_failure_delay = 0
${tls ? `ssl = yes\nssl_cert = <${folder}/cert.pem\nssl_key = <${folder}/key.pem` : "ssl = no"}
mail_max_userip_connections = ${maxConnections}
mailbox_idle_check_interval = 2s
namespace inbox {
  inbox = yes
  separator = /
${specialUse.map((name) => `  mailbox ${name} {\n    auto = create\n    special_use = \\${name}\n  }\n`).join("")}}
passdb {
  driver = passwd-file
  args = username_format=%u ${folder}/users
  mechanisms = plain login
}
passdb {
  driver = passwd-file
  args = username_format=%u ${folder}/tokens
  mechanisms = xoauth2 oauthbearer
}
userdb {
  driver = passwd-file
  args = username_format=%u ${folder}/users
  override_fields = home=${folder}/mail/%u
}
${blocks.join("")}service imap-login {
  service_count = 0
  client_limit = ${2 * maxConnections + 100}
  inet_listener imap {
    port = ${ports.imap}
  }
  inet_listener imaps {
    port = ${tls ? ports.imaps : 0}
  }
}
service imap {
  process_limit = ${maxConnections}
}
service lmtp {
  user =
  inet_listener lmtp {
    port = ${ports.lmtp}
  }
}
service auth {
  client_limit = ${3 * maxConnections + 1_000}
}
service anvil {
  client_limit = ${3 * maxConnections + 1_000}
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  client_limit = ${2 * maxConnections + 1_000}
}
${layout.settings}
`;
}

const specialUse = ["Sent", "Drafts", "Junk", "Trash", "Archive"];
