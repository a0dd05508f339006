/**
 * Liquid, in a sandbox: templates see the message and nothing else. No files, no other templates, no code, no unescaped
 * writing of strangers in HTML; bounded in length, time and memory.
 */
import { escapeHtml } from "@mailfleet/mail";
import { Liquid, LiquidError, type Template } from "liquidjs";
import { isVariable, sampleVariables, type TemplateVariables, templateLimits } from "./template-variables.ts";

export type TemplateFlavour = "text" | "html";

/** A template that was read. */
export interface CompiledTemplate {
  render(variables: TemplateVariables): RenderedTemplate;
  /** What else is wrong with it, by its variables and by trying it on a sample: for when it is stored. */
  check(): readonly TemplateMistake[];
}

export type RenderedTemplate =
  | { readonly ok: true; readonly text: string }
  /** `overdue`: it took its time, which a less busy process may not need. */
  | { readonly ok: false; readonly detail: string; readonly overdue: boolean };

export interface TemplateMistake {
  readonly code: "template_too_long" | "template_syntax" | "template_unknown_variable" | "template_fails";
  readonly detail: string;
}

/** Reads a template. */
export function compileTemplate(
  source: string,
  flavour: TemplateFlavour,
):
  | { readonly ok: true; readonly template: CompiledTemplate }
  | { readonly ok: false; readonly mistake: TemplateMistake } {
  if (source.length > templateLimits.templateLength) {
    return { ok: false, mistake: mistake("template_too_long", `At most ${templateLimits.templateLength} characters.`) };
  }
  const markup = markupOf(source);
  if (markup.length > templateLimits.markupLength || markup.split("[").length > templateLimits.brackets) {
    const detail = `At most ${templateLimits.markupLength} characters and ${templateLimits.brackets} "[" in {{ }} and {% %}.`;
    return { ok: false, mistake: mistake("template_too_long", detail) };
  }
  const engine = engines[flavour];
  let parsed: Template[];
  try {
    parsed = engine.parse(source);
  } catch (error) {
    return { ok: false, mistake: mistake("template_syntax", mistakeOf(error)) };
  }
  const template: CompiledTemplate = {
    render: (variables) => render(engine, parsed, variables),
    check() {
      const unknown = unknownVariables(engine, parsed);
      if (unknown.length > 0) return unknown;
      const tried = template.render(sampleVariables);
      return tried.ok || tried.overdue ? [] : [mistake("template_fails", tried.detail)];
    },
  };
  return { ok: true, template };
}

/** What is Liquid's in a template. To analyse it costs its length times the whole's, and the square of its nested brackets. */
function markupOf(source: string): string {
  const parts: string[] = [];
  for (let at = source.indexOf("{"); at >= 0; at = source.indexOf("{", at)) {
    const close = { "{": "}}", "%": "%}" }[source.charAt(at + 1)];
    const end = close === undefined ? at + 1 : source.indexOf(close, at + 2);
    if (end < 0) return [...parts, source.slice(at)].join("");
    if (close !== undefined) parts.push(source.slice(at, end + 2));
    at = close === undefined ? end : end + 2;
  }
  return parts.join("");
}

function unknownVariables(engine: Liquid, parsed: Template[]): readonly TemplateMistake[] {
  try {
    const paths = engine.globalVariableSegmentsSync(parsed).filter((path) => !isVariable(path));
    const unknown = new Set(paths.map((path) => path.slice(0, 4).join(".").slice(0, 100)));
    return [...unknown]
      .slice(0, 10)
      .map((path) => mistake("template_unknown_variable", `There is no variable ${path}.`));
  } catch (error) {
    return [mistake("template_syntax", mistakeOf(error))];
  }
}

function render(engine: Liquid, parsed: Template[], variables: TemplateVariables): RenderedTemplate {
  const startedAt = performance.now();
  try {
    return { ok: true, text: String(engine.renderSync(parsed, variables)) };
  } catch (error) {
    return { ok: false, detail: mistakeOf(error), overdue: performance.now() - startedAt >= templateLimits.renderMs };
  }
}

function makeEngine(flavour: TemplateFlavour): Liquid {
  const written = flavour === "html" ? escapeHtml : (text: string) => text;
  const engine = new Liquid({
    templates: {},
    globals: {},
    strictFilters: true,
    ownPropertyOnly: true,
    // The same everywhere: an answer must not depend on the machine that wrote it.
    timezoneOffset: 0,
    locale: "en-US",
    parseLimit: templateLimits.templateLength,
    renderLimit: templateLimits.renderMs,
    memoryLimit: templateLimits.memory,
    outputEscape(this: unknown, value: unknown) {
      const text = written(plainText(value));
      (this as FilterScope).context.memoryLimit.use(text.length);
      return text;
    },
  });
  for (const tag of ["include", "render", "layout", "block"]) delete engine.tags[tag];
  engine.unregisterFilter("raw");
  if (flavour === "html") {
    engine.registerFilter("newline_to_br", {
      raw: true,
      handler(value: unknown) {
        const text = escapeHtml(plainText(value)).replace(/\r?\n/g, "<br>\n");
        this.context.memoryLimit.use(text.length);
        return text;
      },
    });
  }
  return engine;
}

interface FilterScope {
  readonly context: { readonly memoryLimit: { use(count: number): void } };
}

function plainText(value: unknown): string {
  if (value === undefined || value === null) return "";
  return Array.isArray(value) ? value.map(plainText).join("") : String(value);
}

// Liquid's own words tell the line and the column; the engine's own, of a stack that overflows, mean nothing to a tenant.
const mistakeOf = (error: unknown): string =>
  LiquidError.is(error) && !(error instanceof LiquidError && error.originalError instanceof RangeError)
    ? String((error as LiquidError).message).slice(0, 300)
    : "The template is too deep or too large.";

const mistake = (code: TemplateMistake["code"], detail: string): TemplateMistake => ({ code, detail });

// Last, since making an engine takes what stands above.
const engines = { text: makeEngine("text"), html: makeEngine("html") } as const;
