/** The API's description, made from the schemas that validate, and a page to read it on. Nothing outside is asked. */
import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import { createJsonSchemaTransform, jsonSchemaTransformObject } from "fastify-type-provider-zod";
import { problemTables } from "../schemas/problem.ts";
import type { Server } from "../server.ts";

const introduction = `Hand over mail with \`POST /v1/messages\`; 202 is said after it is durable.

Send \`Authorization: Bearer <key>\`: a tenant's key, or the admin token together with \`Mailfleet-Tenant: <id>\`.
Times are RFC 3339, durations look like \`"5s"\`, ids have letters, digits and \`. _ ~ -\`. Unknown request fields are
refused; answers and enums may grow. \`PUT\` replaces; a secret that is left out is kept, \`null\` clears it.
Lists answer \`{items, nextCursor}\`, and take \`?limit=&cursor=\`.

Errors are \`application/problem+json\` (RFC 9457) with a stable \`code\`.

<details><summary>All codes</summary>

${problemTables}

</details>`;

const tags = [
  { name: "messages", description: "Hand over mail, find it, cancel it" },
  { name: "deliveries", description: "One message for one recipient, with every attempt" },
  { name: "accounts", description: "How a tenant's mail leaves" },
  { name: "suppressions", description: "Who must not be mailed" },
  { name: "tenants", description: "The operator's part: tenants and their keys" },
  { name: "operations", description: "Where mail stands" },
  { name: "health", description: "Probes; no key is needed" },
];

/** Nothing from outside, and nobody else's frame; the page writes a style of its own into itself. */
const policy =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'; frame-ancestors 'none'";

/** The page is ours: no box to load other documents, no banner. */
const style = ".swagger-ui .topbar { display: none } .swagger-ui .info { margin: 24px 0 }";

/** Registers before the routes, so that it sees them all. */
export async function documentRoutes(
  app: Server,
  { version, publicUrl }: { version: string; publicUrl?: string | undefined },
) {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Mailfleet",
        version,
        description: introduction,
        license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      },
      tags,
      servers: [{ url: publicUrl ?? "/" }],
      components: { securitySchemes: { key: { type: "http", scheme: "bearer" } } },
      security: [{ key: [] }],
    },
    transform: (document) => {
      const { schema, url } = transform(document as never);
      return { schema: withHeaders(schema as Documented, url, document.route.config ?? {}), url };
    },
    transformObject: jsonSchemaTransformObject,
  });
  app.get(
    "/openapi.json",
    { config: { access: "public" }, schema: { hide: true } },
    async () => app.swagger() as object,
  );
  await app.register(async (pages) => {
    pages.addHook("onRoute", (route) => {
      route.config = { ...route.config, access: "public" };
    });
    await pages.register(swaggerUi, {
      routePrefix: "/docs",
      staticCSP: policy,
      theme: { title: "Mailfleet API", css: [{ filename: "mailfleet.css", content: style }] },
      uiConfig: { docExpansion: "list", deepLinking: true, validatorUrl: null },
    } as never);
  });
}

const transform = createJsonSchemaTransform({ skipList: [] });

interface Documented {
  hide?: boolean;
  headers?: unknown;
  security?: { readonly [label: string]: readonly string[] }[];
}

const tenantHeader = { type: "string", description: "The tenant that the admin means." };
const keyHeader = { type: "string", description: "The default of `id`." };

/** Headers are read by hooks, not by schemas, and documented here. */
function withHeaders(schema: Documented, url: string, config: { access?: string; tenant?: string }): Documented {
  if (schema.hide) return schema;
  if (config.access === "public") return { ...schema, security: [] };
  const properties = {
    ...(config.tenant && { "Mailfleet-Tenant": tenantHeader }),
    ...(url === "/v1/messages" && config.access === "submit" && { "Idempotency-Key": keyHeader }),
  };
  return Object.keys(properties).length > 0 ? { ...schema, headers: { type: "object", properties } } : schema;
}
