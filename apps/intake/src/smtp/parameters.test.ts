import { describe, expect, test } from "vitest";
import { readMail, readRecipient } from "./parameters.ts";

const long = "x".repeat(501);

describe("MAIL", () => {
  test("its parameters become the sender's", () => {
    const args = { SIZE: "10", BODY: "8BITMIME", SMTPUTF8: true, RET: "hdrs", ENVID: "QQ 3", AUTH: "<>" };
    expect(readMail({ address: "grün@Bücher.example", args })).toEqual({
      kind: "read",
      value: { reversePath: "grün@bücher.example", smtpUtf8: true, ret: "HDRS", envid: "QQ 3" },
    });
    expect(readMail({ address: "", args: false })).toEqual({
      kind: "read",
      value: { reversePath: "", smtpUtf8: false },
    });
  });

  test.each([
    ["an unknown parameter", "a@b.example", { HOLDFOR: "3" }, 555, "5.5.4"],
    ["a long ENVID", "a@b.example", { ENVID: "x".repeat(101) }, 501, "5.5.4"],
    ["an address that is too long", `${"a".repeat(65)}@b.example`, {}, 553, "5.1.7"],
    ["an address that was not UTF-8", "\ufffd@b.example", { SMTPUTF8: true }, 553, "5.1.7"],
    ["SMTPUTF8 that was not announced", "grün@b.example", {}, 553, "5.6.7"],
  ])("%s is refused", (_, address, args, code, status) => {
    expect(readMail({ address, args })).toMatchObject({ kind: "refused", reply: { code, status } });
  });
});

describe("RCPT", () => {
  test("its parameters become the recipient's", () => {
    const args = { NOTIFY: "success,FAILURE,SUCCESS", ORCPT: "rfc822;Bob@example.net" };
    expect(readRecipient({ address: "bob@EXAMPLE.net", args }, false)).toEqual({
      kind: "read",
      value: { address: "bob@example.net", notify: ["SUCCESS", "FAILURE"], orcpt: "rfc822;Bob@example.net" },
    });
  });

  test("a domain that is not ASCII needs no SMTPUTF8, since it has A-labels", () => {
    expect(readRecipient({ address: "bob@bücher.example" }, false).kind).toBe("read");
    expect(readRecipient({ address: "grün@bücher.example" }, false)).toMatchObject({ reply: { status: "5.6.7" } });
    expect(readRecipient({ address: "grün@bücher.example" }, true).kind).toBe("read");
  });

  test.each([
    ["an unknown parameter", "a@b.example", { SIZE: "3" }, 555, "5.5.4"],
    ["a long ORCPT", "a@b.example", { ORCPT: `rfc822;${long}` }, 501, "5.5.4"],
    ["an address without a domain", "postmaster", {}, 553, "5.1.3"],
  ])("%s is refused", (_, address, args, code, status) => {
    expect(readRecipient({ address, args }, false)).toMatchObject({ kind: "refused", reply: { code, status } });
  });
});
