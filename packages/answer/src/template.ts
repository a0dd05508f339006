import type { TemplateSettings } from "@mailfleet/mail";
import { type AnswerDecision, type Answerer, type AnswerFailure, answerLimits } from "./answerer.ts";
import { type CompiledTemplate, compileTemplate, type TemplateMistake } from "./template-engine.ts";
import { templateVariables } from "./template-variables.ts";

export interface TemplateProblem {
  readonly field: TemplateField;
  readonly code: TemplateMistake["code"] | "template_missing";
  /** For the tenant; it may quote the template. */
  readonly detail: string;
}

type TemplateField = "subject" | "text" | "html";

const fields: readonly TemplateField[] = ["subject", "text", "html"];

/** What is wrong with a template, for whoever stores it; nothing where it can answer. */
export function checkTemplate(settings: TemplateSettings): readonly TemplateProblem[] {
  const { templates, problems } = compile(settings);
  const checked = templates.flatMap(([field, template]) => template.check().map((mistake) => ({ field, ...mistake })));
  return [...problems, ...checked].toSorted((a, b) => fields.indexOf(a.field) - fields.indexOf(b.field));
}

/**
 * Answers from Liquid templates. What renders to nothing but white space is left out; where that leaves neither text
 * nor HTML, the template has declined.
 */
export function openTemplateAnswerer(settings: TemplateSettings): Answerer {
  const { templates, problems } = compile(settings);
  return {
    async answer(request, { signal }) {
      signal.throwIfAborted();
      const [problem] = problems;
      if (problem) return failure("template_wrong", `${problem.field}: ${problem.detail}`);
      const variables = templateVariables(request);
      const parts: Partial<Record<TemplateField, string>> = {};
      for (const [field, template] of templates) {
        const rendered = template.render(variables);
        if (!rendered.ok) {
          return { ...failure("template_failed", `${field}: ${rendered.detail}`), permanent: !rendered.overdue };
        }
        parts[field] = rendered.text;
      }
      return draft(parts);
    },
  };
}

function draft(parts: Partial<Record<TemplateField, string>>): AnswerDecision {
  const subject = printable(parts.subject).replace(/\s+/g, " ").trim().slice(0, answerLimits.subjectLength);
  const [text, html] = [printable(parts.text), printable(parts.html)];
  if (text.length > answerLimits.textLength || html.length > answerLimits.htmlLength) {
    return failure("template_output_too_long", `${text.length} characters of text, ${html.length} of HTML.`);
  }
  if (text.trim() === "" && html.trim() === "") return { kind: "decline", reason: "The template wrote nothing." };
  return {
    kind: "answer",
    ...(subject && { subject: subject.toWellFormed() }),
    ...(text.trim() && { text }),
    ...(html.trim() && { html }),
    answeredBy: "template",
  };
}

function compile(settings: TemplateSettings) {
  const templates: [TemplateField, CompiledTemplate][] = [];
  const problems: TemplateProblem[] = [];
  for (const field of fields) {
    const source = settings[field];
    if (source === undefined) continue;
    const compiled = compileTemplate(source, field === "html" ? "html" : "text");
    if (compiled.ok) templates.push([field, compiled.template]);
    else problems.push({ field, ...compiled.mistake });
  }
  if (!settings.text?.trim() && !settings.html?.trim()) {
    problems.push({ field: "text", code: "template_missing", detail: "A template has a text, or HTML, or both." });
  }
  return { templates, problems } as const;
}

/** Strangers' writing may hold what no reader should be sent. */
const printable = (text = ""): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it takes out.
  text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, "").toWellFormed();

const failure = (code: string, detail: string): AnswerFailure => ({
  kind: "failed",
  permanent: true,
  code,
  detail: detail.slice(0, answerLimits.detailLength),
});
