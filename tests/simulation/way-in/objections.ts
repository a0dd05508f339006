import type { Ownership, Ticket } from "@mailfleet/store";

/**
 * What may not be, noted by triggers the moment it is done: a worker that writes about a ticket which is not its own, a
 * watcher that writes about a mailbox which another has begun to follow, an answer that somebody had stopped.
 *
 * A process says with each statement in whose right it comes (`sim.context`): `ticket UID WORKER FENCE`, or
 * `owner MAILBOX WORKER FENCE`. The rules are held against that right, not against the statement's own conditions.
 */
export const objectionRecords = `
  create table sim.objections (n bigint generated always as identity, objection text not null);
  create function sim.object(text) returns void language sql as $$ insert into sim.objections (objection) values ($1) $$;
  create function sim.right() returns text[] language sql stable
    as $$ select string_to_array(coalesce(current_setting('sim.context', true), ''), ' ') $$;

  create function sim.watch_ticket() returns trigger language plpgsql security definer as $$
  declare c text[] := sim.right();
  begin
    if c[1] = 'ticket' and (old.state <> 'claimed' or old.inbound_uid::text <> c[2] or old.worker::text <> c[3] or old.fence::text <> c[4]) then
      perform sim.object(format('worker %s, under fence %s, changes %s, which is %s by %s under fence %s',
        c[3], c[4], old.inbound_uid, old.state, old.worker, old.fence));
    end if;
    if tg_op = 'DELETE' then return old; end if;
    return new;
  end $$;
  create trigger watch_ticket before update or delete on mailfleet.answering for each row execute function sim.watch_ticket();

  create function sim.watch_position() returns trigger language plpgsql security definer as $$
  declare c text[] := sim.right();
  begin
    if c[1] = 'owner' and not (c[2] = old.mailbox_uid::text and c[4] = old.fence::text)
      and not (old.fence < new.fence and c[4] = new.fence::text
        and exists (select from mailfleet.shards s where s.shard = old.shard and s.worker::text = c[3] and s.fence::text = c[4])) then
      perform sim.object(format('watcher %s, under fence %s, changes mailbox %s, whose fence is %s', c[3], c[4], old.mailbox_uid, old.fence));
    end if;
    return new;
  end $$;
  create trigger watch_position before update on mailfleet.mailbox_positions for each row execute function sim.watch_position();

  create function sim.watch_owned() returns trigger language plpgsql security definer as $$
  declare c text[] := sim.right();
  begin
    if c[1] = 'owner' and not exists (select from mailfleet.mailbox_positions p
        where p.mailbox_uid = new.mailbox_uid and p.mailbox_uid::text = c[2] and p.fence::text = c[4]) then
      perform sim.object(format('watcher %s, under fence %s, writes to %s of mailbox %s', c[3], c[4], tg_argv[0], new.mailbox_uid));
    end if;
    return null;
  end $$;
  create trigger watch_inbound after insert or update on mailfleet.inbound for each row execute function sim.watch_owned('inbound');
  create trigger watch_actions after insert or update on mailfleet.mailbox_actions for each row execute function sim.watch_owned('mailbox_actions');

  create function sim.watch_answer() returns trigger language plpgsql security definer as $$
  begin
    perform sim.object(format('%s is answered although %s', new.inbound_uid, reason)) from (
      select 'answering was stopped' as reason from mailfleet.answering_stops s where s.tenant_id in ('', new.tenant_id)
      union all select 'its mailbox was stopped' from mailfleet.mailboxes m where m.uid = new.mailbox_uid and m.answering_stopped
      union all select 'its tenant was suspended' from mailfleet.tenants t where t.id = new.tenant_id and t.state <> 'active'
    ) as against;
    return null;
  end $$;
  create trigger watch_answer after insert on mailfleet.answers for each row execute function sim.watch_answer()`;

/** The right in which a process sends its next statement. */
export interface Right {
  readonly context: () => string;
  /** What `call` sends first is sent in that right. */
  ofTicket<T>(ticket: Ticket, call: () => T): T;
  ofOwner<T>(owner: Ownership, call: () => T): T;
}

export function openRight(): Right {
  let right = "";
  const within = <T>(one: string, call: () => T): T => {
    right = one;
    try {
      return call();
    } finally {
      right = "";
    }
  };
  return {
    context: () => right,
    ofTicket: ({ inboundUid, workerId, fence }, call) => within(`ticket ${inboundUid} ${workerId} ${fence}`, call),
    ofOwner: ({ mailboxUid, workerId, fence }, call) => within(`owner ${mailboxUid} ${workerId} ${fence}`, call),
  };
}
