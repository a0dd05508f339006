import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import { FastifyAdapter } from "@bull-board/fastify";
import { accountOfJob, type BoardQueues } from "@mailfleet/queue";
import type { FastifyInstance } from "fastify";
import { redactAnswer } from "./redaction.ts";

/** Where Bull Board lies below the board's own pages. */
export const queuesPath = "/queues";

/** How often its page looks at Redis. */
const pollSeconds = 5;
const systemFonts = { "font-sans": "system-ui, sans-serif", "font-mono": "ui-monospace, monospace" };

/** Adds Bull Board's pages and API to the server. */
export async function addBullBoard(
  app: FastifyInstance,
  queues: BoardQueues["queues"],
  { writable }: { readonly writable: boolean },
): Promise<void> {
  const serverAdapter = new FastifyAdapter();
  serverAdapter.setBasePath(queuesPath);
  createBullBoard({
    queues: queues.map(
      (queue) =>
        new BullMQAdapter(queue, {
          readOnlyMode: !writable,
          description: descriptions[queue.name] ?? "",
          ...(queue.name.startsWith("mailfleet-turns") && { externalJobUrl: accountPage }),
        }),
    ),
    serverAdapter,
    options: {
      uiConfig: {
        boardTitle: "Mailfleet queues",
        hideDocsLink: true,
        pollingInterval: { showSetting: true, forceInterval: pollSeconds },
        theme: { light: systemFonts, dark: systemFonts },
      },
      handlerHooks: {
        after({ route }, result) {
          // A job's log is a list of lines, and whoever wrote them could have written anything.
          const body = route.endsWith("/logs") ? [] : redactAnswer(result.body);
          return { ...result, body: body as typeof result.body };
        },
      },
    },
  });

  await app.register(async (scope) => {
    // Bull Board's page loads its font from another host; ours must not tell anybody that it is open.
    scope.addHook("onSend", async (_, reply, payload) =>
      typeof payload === "string" && String(reply.getHeader("content-type")).startsWith("text/html")
        ? withoutOutsideLinks(payload)
        : payload,
    );
    await scope.register(serverAdapter.registerPlugin(), { prefix: queuesPath });
  });
}

const accountPage = ({ id }: { id?: string | number | null | undefined }) => ({
  displayText: "Account",
  href: `/accounts/${accountOfJob(String(id ?? ""))}`,
});

const descriptions: Readonly<Record<string, string>> = {
  "mailfleet-turns": "One job is one turn: the right to send a share of an account's due mail",
  "mailfleet-turns-express": "Turns that immediate mail has asked for",
  "mailfleet-answers": "One job is the right to work on one inbound message",
  "mailfleet-turns-quarantine": "Jobs whose payload did not fit; nobody works on them",
  "mailfleet-turns-express-quarantine": "Jobs whose payload did not fit; nobody works on them",
  "mailfleet-answers-quarantine": "Jobs whose payload did not fit; nobody works on them",
};

export const withoutOutsideLinks = (page: string): string =>
  page.replace(/<link\b[^>]*href="(?:https?:)?\/\/[^>]*>/gi, "");
