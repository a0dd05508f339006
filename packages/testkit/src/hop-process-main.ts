/** The misbehaving next hop as a process: prints its ports as a line of JSON, and is told things over HTTP. */
import { createServer } from "node:http";
import { listeningPort } from "./listening-port.ts";
import { startMisbehavingHop } from "./misbehaving-hop.ts";

const options = JSON.parse(process.argv[2] ?? "{}");
const hop = await startMisbehavingHop({ wholeLimit: 0, keepsContent: false, ...options });

const control = createServer(async (request, response) => {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece);
  const answer = (body: unknown) => response.setHeader("content-type", "application/json").end(JSON.stringify(body));
  switch (`${request.method} ${request.url}`) {
    case "GET /kept":
      return answer({ deliveries: hop.deliveries, connections: hop.connections.total, counts: hop.counts() });
    case "GET /deliveries":
      return answer(hop.deliveries);
    case "POST /faults":
      hop.misbehaves(JSON.parse(Buffer.concat(pieces).toString("utf8")));
      return answer(true);
    case "DELETE /faults":
      hop.behaves();
      return answer(true);
    default:
      response.statusCode = 404;
      return answer(false);
  }
});

const controlPort = await listeningPort(control);
process.stdout.write(`${JSON.stringify({ port: hop.port, controlPort })}\n`);
// Its parent holds the other end: when the parent dies, so does this, and no process is left behind.
process.stdin.resume().once("end", () => process.exit(0));
