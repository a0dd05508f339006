/**
 * Format=flowed (RFC 3676): lines that end in a space go on in the next one of the same quote depth.
 *
 * Quote marks stay as they are written, so that what is quoted can still be told from what is not.
 */
export function unflow(text: string, delSp: boolean): string {
  const paragraphs: string[] = [];
  let lines: string[] = [];
  let depth = -1; // Of the paragraph that goes on; -1 where none does.
  const end = () => {
    if (lines.length > 0) paragraphs.push(lines.join(""));
    lines = [];
    depth = -1;
  };
  for (const line of text.split("\n")) {
    const quote = /^>*/.exec(line)![0].length;
    const content = line.startsWith(" ", quote) ? line.slice(quote + 1) : line.slice(quote); // Section 4.4: stuffing.
    if (quote !== depth) end();
    if (lines.length === 0) lines.push(quote === 0 ? "" : `${">".repeat(quote)} `);
    const goesOn = content.endsWith(" ") && content !== "-- "; // Section 4.3: a signature's separator ends.
    if (content === "-- " && lines.length > 1) {
      end();
      lines.push(quote === 0 ? "" : `${">".repeat(quote)} `);
    }
    lines.push(goesOn && delSp ? content.slice(0, -1) : content);
    if (goesOn) depth = quote;
    else end();
  }
  end();
  return paragraphs.join("\n");
}
