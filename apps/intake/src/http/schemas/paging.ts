import type { Page } from "@mailfleet/store";
import { z } from "zod";

/** `?limit=&cursor=`, beside a list's own filters. */
export const paging = {
  limit: z.coerce.number().int().min(1).max(200).optional().describe("Items of one page; 50 where it is absent."),
  cursor: z.string().min(1).max(512).optional().describe("`nextCursor` of the page before."),
};

/** What a list answers with. */
export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({
    items: z.array(item),
    nextCursor: z.string().nullable().describe("Asks for the next page; null on the last."),
  });

export const showPage = <T, S>(page: Page<T>, show: (item: T) => S) => ({
  items: page.items.map(show),
  nextCursor: page.nextCursor ?? null,
});

/** Takes away what is undefined, so that an absent filter is absent. */
export function given<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}
