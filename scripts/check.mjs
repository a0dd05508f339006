/** `npm run check`: the dependencies keep above their floors. Needs no set-up, so that a git hook can run it. */
import { complaintsAbout, floors, readLockfile } from "./checks.mjs";

const complaints = complaintsAbout(await readLockfile());
for (const complaint of complaints) process.stderr.write(`${complaint}\n`);
if (complaints.length > 0) process.exit(1);
process.stdout.write(`dependencies: ${Object.keys(floors).join(", ")} are above their floors, and nodemailer is one\n`);
