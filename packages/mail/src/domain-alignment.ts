/** Which domains are one organisation's, told without a list of public suffixes, and so with care. */

/** Whether `domain` is `ancestor` or lies below it. Both normalised. */
export function isWithin(domain: string, ancestor: string): boolean {
  return domain === ancestor || (domain.endsWith(`.${ancestor}`) && mayHaveSubdomains(ancestor));
}

/**
 * Whether two normalised domains are taken for one organisation's: the same, or one a subdomain of the other. Two
 * subdomains of a third are not, since only a list of public suffixes could tell `a.example.org` and `b.example.org`
 * from `a.co.uk` and `b.co.uk`; nor is anything below what looks like a public suffix itself.
 */
export function areAligned(one: string, other: string): boolean {
  return isWithin(one, other) || isWithin(other, one);
}

/**
 * Not a top-level domain, not what looks like a registry's second level (`co.uk`, `com.br`, `k12.us`: up to three
 * characters below a country's), not a well-known host of strangers' subdomains, not an address literal. That some
 * organisation's short name is taken for a registry's costs it an alignment, and gains nobody one.
 */
function mayHaveSubdomains(domain: string): boolean {
  const labels = domain.split(".");
  if (labels.length < 2 || domain.startsWith("[")) return false;
  if (strangersHosts.has(domain)) return false;
  const [second, top] = labels as [string, string];
  return labels.length > 2 || top.length > 2 || (second.length > 3 && !registryNames.has(second));
}

const registryNames = new Set("gouv govt info mobi name press school asso assn tourism".split(" "));

const strangersHosts = new Set(
  (
    "github.io gitlab.io blogspot.com wordpress.com herokuapp.com appspot.com web.app firebaseapp.com netlify.app " +
    "vercel.app pages.dev workers.dev azurewebsites.net cloudfront.net amazonaws.com onmicrosoft.com uk.com us.com " +
    "eu.com de.com gb.net uk.net eu.org us.org dyndns.org duckdns.org no-ip.org ddns.net myshopify.com wixsite.com"
  ).split(" "),
);
