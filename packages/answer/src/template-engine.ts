/**
 * Liquid, in a sandbox: templates see the message and nothing else. No files, no other templates, no code, no unescaped
 * writing of strangers in HTML; bounded in length, time and memory.
 */
import { Liquid, LiquidError, type Template } from "liquidjs";
import { isVariable, sampleVariables, type TemplateVariables, templateLimits } from "./template-variables.ts";

export type TemplateFlavour = "text" | "html";

/** A template that was read. */
export interface CompiledTemplate {
  render(variables: TemplateVariables): RenderedTemplate;
}

export type RenderedTemplate =
  | { readonly ok: true; readonly text: string }
  /** `overdue`: it took its time, which a less busy process may not need. */
  | { readonly ok: false; readonly detail: string; readonly overdue: boolean };

export interface TemplateMistake {
  readonly code: "template_too_long" | "template_syntax" | "template_unknown_variable" | "template_fails";
  readonly detail: string;
}

/** Reads a template and tries it on a sample; what is wrong is said all at once. */
export function compileTemplate(
  source: string,
  flavour: TemplateFlavour,
):
  | { readonly ok: true; readonly template: CompiledTemplate }
  | { readonly ok: false; readonly mistakes: TemplateMistake[] } {
  if (source.length > templateLimits.templateLength) {
    return mistake("template_too_long", `At most ${templateLimits.templateLength} characters.`);
  }
  const engine = engines[flavour];
  let parsed: Template[];
  let paths: readonly (readonly unknown[])[];
  try {
    parsed = engine.parse(source);
    paths = engine.globalVariableSegmentsSync(parsed);
  } catch (error) {
    return mistake("template_syntax", mistakeOf(error));
  }
  const unknown = paths.filter((path) => !isVariable(path)).map((path) => path.slice(0, 4).join(".").slice(0, 100));
  if (unknown.length > 0) {
    return {
      ok: false,
      mistakes: [...new Set(unknown)]
        .slice(0, 10)
        .map((path) => ({ code: "template_unknown_variable", detail: `There is no variable ${path}.` })),
    };
  }
  const template = { render: (variables: TemplateVariables) => render(engine, parsed, variables) };
  const tried = template.render(sampleVariables);
  return tried.ok || tried.overdue ? { ok: true, template } : mistake("template_fails", tried.detail);
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

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => entities[character] ?? character);

// Liquid's own words tell the line and the column. Those of others (a stack that overflows) mean nothing to a tenant.
const mistakeOf = (error: unknown): string =>
  LiquidError.is(error) ? String((error as Error).message).slice(0, 300) : "The template is too deep or too large.";

const mistake = (code: TemplateMistake["code"], detail: string) => ({
  ok: false as const,
  mistakes: [{ code, detail }],
});

// Last, since making an engine takes what stands above.
const engines = { text: makeEngine("text"), html: makeEngine("html") } as const;
