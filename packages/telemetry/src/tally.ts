import { Counter, type Registry } from "prom-client";

/** One counter's value for one set of labels. Counting is an addition; the registry reads it when it is scraped. */
export interface Tally {
  value: number;
}

/** A Prometheus counter whose hot path costs nothing: no label is looked up or checked when it counts. */
export function tallies<L extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly L[],
): (labels: Readonly<Record<L, string>>) => Tally {
  const made: { readonly labels: Readonly<Record<L, string>>; readonly tally: Tally }[] = [];
  new Counter<L>({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect() {
      this.reset();
      for (const { labels, tally } of made) this.inc(labels, tally.value);
    },
  });
  return (labels) => {
    const tally = { value: 0 };
    made.push({ labels, tally });
    return tally;
  };
}
