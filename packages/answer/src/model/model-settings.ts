/** What is wrong with a model's settings: asked when they are stored, and again when they are used. */
import type { HttpToolSettings, ModelSettings } from "@mailfleet/mail";
import { checkUrl } from "../egress.ts";
import { isToolHost, toolRules } from "./http-tool.ts";
import { asciiHost, isOpenToAll } from "./link-policy.ts";
import { builtInNames, type ConfigProblem, type OperatorConfig, toolName } from "./operator-config.ts";
import { checkParameters, type ToolParameters } from "./parameters.ts";

/** Empty: nothing is wrong. The fields are those of `ModelSettings`. */
export function checkModelSettings(settings: ModelSettings, operator: OperatorConfig): readonly ConfigProblem[] {
  const refused = checkUrl(operator, settings.url);
  const names = [...settings.tools, ...settings.httpTools.map(({ name }) => name)];
  const capped = settings.costPerMessage !== undefined || settings.costPerDay !== undefined;
  return [
    ...(refused ? [{ field: "url", code: refused.code, detail: refused.detail }] : []),
    ...(capped && !settings.price
      ? [{ field: "price", code: "price_missing", detail: "A cap on cost needs the model's price." }]
      : []),
    ...settings.tools.flatMap((name, index) =>
      operator.tools.some((tool) => tool.name === name)
        ? []
        : [{ field: `tools[${index}]`, code: "tool_unknown", detail: "The operator has defined no such tool." }],
    ),
    ...settings.httpTools.flatMap((tool, index) => httpToolProblems(tool, operator, `httpTools[${index}]`)),
    ...names.flatMap((name, index) =>
      names.indexOf(name) < index
        ? [{ field: nameField(settings, index), code: "name_taken", detail: `Another tool is called ${name}.` }]
        : [],
    ),
    ...settings.linkHosts.flatMap((host, index) => linkHostProblems(host, `linkHosts[${index}]`)),
  ];
}

const nameField = ({ tools }: ModelSettings, index: number): string =>
  index < tools.length ? `tools[${index}]` : `httpTools[${index - tools.length}].name`;

function httpToolProblems(tool: HttpToolSettings, operator: OperatorConfig, at: string): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const problem = (field: string, code: string, detail: string) =>
    problems.push({ field: `${at}.${field}`, code, detail });
  if (!toolName.test(tool.name)) problem("name", "name_wrong", "A name is a letter, then letters, digits, - and _.");
  if (builtInNames.includes(tool.name)) problem("name", "name_reserved", `${tool.name} is a tool of our own.`);
  const refused = checkUrl(toolRules(operator), tool.url);
  if (refused) problem("url", refused.code, refused.detail);
  else if (!isToolHost(operator, new URL(tool.url))) {
    problem("url", "tool_host_refused", "The operator does not allow tools on this host.");
  }
  const wrong = checkParameters(tool.parameters, { patterns: false });
  for (const { field, code, detail } of wrong) problem(`parameters${field}`, code, detail);
  if (wrong.length === 0 && tool.method === "GET") {
    const { properties = {} } = tool.parameters as unknown as ToolParameters;
    for (const [name, { type }] of Object.entries(properties)) {
      if (type === "object" || type === "array") {
        problem(`parameters.properties.${name}`, "parameter_not_scalar", `No query can be made of an ${type}.`);
      }
    }
  }
  return problems;
}

/** A top-level domain, or a host that rents out names, would allow every stranger's host. */
function linkHostProblems(host: string, field: string): readonly ConfigProblem[] {
  const ascii = asciiHost(host);
  if (ascii === "") return [{ field, code: "host_wrong", detail: "This is no host name." }];
  return isOpenToAll(ascii)
    ? [{ field, code: "host_public_suffix", detail: "Under this name everybody may have a host." }]
    : [];
}
