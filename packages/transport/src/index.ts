/** Offers a message to the next hop over SMTP (RFC 5321, 3207, 4954) or LMTP (RFC 2033). */
export * from "./next-hop.ts";
