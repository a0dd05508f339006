/** OpenAI's own models refuse `max_tokens` in favour of a later name, and that old one is all that most others know. */
export function inDialect(endpoint: string, body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { max_tokens, ...rest } = body;
  const isOpenAi = /(^|\.)openai(\.azure)?\.com$/.test(new URL(endpoint).hostname);
  return isOpenAi && max_tokens !== undefined ? { ...rest, max_completion_tokens: max_tokens } : { ...body };
}
