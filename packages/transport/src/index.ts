/** Offers a message to the next hop over SMTP (RFC 5321, 3207, 4954) or LMTP (RFC 2033). */
export { type DkimKeyProblem, type DkimKeyTest, testDkimKey } from "./dkim-key.ts";
export * from "./next-hop.ts";
export { fetchAccessToken, type TokenRequest, type TokenResult } from "./oauth2.ts";
export { type NextHopOptions, openNextHop } from "./smtp-next-hop.ts";
export { defaultTimeLimits, type TimeLimits } from "./time-limits.ts";
export {
  type NextHopReport,
  type VerifiedStep,
  type VerifyOptions,
  type VerifyStep,
  verifyNextHop,
} from "./verify.ts";
