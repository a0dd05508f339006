/**
 * Enhanced mail system status codes (RFC 3463), such as "5.1.1".
 *
 * The code is its own text: it logs, stores and compares as written, and its class is read
 * from its first digit, so a code can never disagree with itself.
 */
export type EnhancedStatusCode = `${2 | 4 | 5}.${number}.${number}`;

const pattern = /^[245]\.\d{1,3}\.\d{1,3}$/;

export function isEnhancedStatusCode(text: string): text is EnhancedStatusCode {
  return pattern.test(text);
}

export const isPermanent = (status: EnhancedStatusCode): boolean => status.startsWith("5");
