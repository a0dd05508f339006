import { expect, test } from "vitest";
import { approvedWording } from "./letter.ts";

const draft = { from: "help@acme.test", to: "ann@peer.test", subject: "Re: Hi", text: "Draft.", html: "<p>Draft." };
const approvals = [
  ["nothing", {}, { subject: "Re: Hi", text: "Draft.", html: "<p>Draft." }],
  ["a text", { text: "Mine." }, { subject: "Re: Hi", text: "Mine.", html: undefined }],
  ["a subject", { subject: "Mine" }, { subject: "Mine", text: "Draft.", html: "<p>Draft." }],
  ["a text that says nothing", { text: " " }, { subject: "Re: Hi", text: " ", html: undefined }],
] as const;

for (const [given, approved, wording] of approvals) {
  test(`of a draft that was approved with ${given}, no body leaves that the person has not seen`, () => {
    expect(approvedWording({ ...approved, by: "bob" }, draft)).toEqual(wording);
  });
}
