import { describe, expect, test } from "vitest";
import { fillArguments } from "./argument-template.ts";
import { checkModelSettings } from "./model-settings.ts";
import { checkOperatorConfig, noOperatorConfig } from "./operator-config.ts";
import { modelSettings } from "./testing/model-rig.ts";

const tool = {
  name: "orders",
  description: "Finds orders.",
  parameters: {
    type: "object",
    properties: { order: { type: "string" }, tags: { type: "array", items: { type: "string" } } },
  },
  program: "/usr/bin/orders",
  arguments: ["find", "--", "{order}", "--for={correspondent}"],
};
const problemsOf = (json: unknown) => {
  const checked = checkOperatorConfig(json);
  return checked.ok ? [] : checked.problems.map(({ field, code }) => `${field}: ${code}`);
};

describe("an operator's configuration", () => {
  test("may be empty, and then allows nothing", () => {
    expect(checkOperatorConfig({})).toEqual({ ok: true, config: noOperatorConfig });
  });

  test("is read with its defaults", () => {
    expect(checkOperatorConfig({ tools: [tool], toolHosts: ["tools.internal:8080"] })).toEqual({
      ok: true,
      config: {
        ...noOperatorConfig,
        toolHosts: ["tools.internal:8080"],
        tools: [{ ...tool, env: {}, cwd: "/", timeoutMs: 30_000, maxOutputBytes: 16_000 }],
      },
    });
  });

  const wrong = [
    ["a list", [], ": invalid_type"],
    ["a setting that nobody knows", { tolls: [] }, ": unrecognized_keys"],
    ["a wrong host", { toolHosts: ["https://x.example"] }, "toolHosts[0]: invalid_format"],
    ["no program", { tools: [{ ...tool, program: undefined }] }, "tools[0].program: invalid_type"],
    ["a relative program", { tools: [{ ...tool, program: "orders" }] }, "tools[0].program: path_relative"],
    ["a relative folder", { tools: [{ ...tool, cwd: "." }] }, "tools[0].cwd: path_relative"],
    ["a shell", { tools: [{ ...tool, program: "/bin/sh" }] }, "tools[0].program: shell_refused"],
    [
      "a program that runs others",
      { tools: [{ ...tool, program: "/usr/bin/env" }] },
      "tools[0].program: shell_refused",
    ],
    [
      "a parameter that is none",
      { tools: [{ ...tool, arguments: ["{id}"] }] },
      "tools[0].arguments[0]: parameter_unknown",
    ],
    [
      "an inherited name",
      { tools: [{ ...tool, arguments: ["{constructor}"] }] },
      "tools[0].arguments[0]: parameter_unknown",
    ],
    [
      "a list as an argument",
      { tools: [{ ...tool, arguments: ["{tags}"] }] },
      "tools[0].arguments[0]: parameter_not_scalar",
    ],
    [
      "a wrong schema",
      { tools: [{ ...tool, parameters: { type: "string" } }] },
      "tools[0].parameters.type: type_not_object",
    ],
    ["a name of ours", { tools: [{ ...tool, name: "decline" }] }, "tools[0].name: name_reserved"],
    ["a wrong name", { tools: [{ ...tool, name: "find orders" }] }, "tools[0].name: invalid_format"],
    [
      "a variable of ours",
      { tools: [{ ...tool, env: { MAILFLEET_INBOUND: "x" } }] },
      "tools[0].env.MAILFLEET_INBOUND: name_reserved",
    ],
    ["two tools of one name", { tools: [tool, tool] }, "tools[1].name: name_taken"],
    ["a time without end", { tools: [{ ...tool, timeoutMs: 1e9 }] }, "tools[0].timeoutMs: too_big"],
    [
      "a trusted field that the model would fill in",
      {
        tools: [
          { ...tool, arguments: [], parameters: { type: "object", properties: { correspondent: { type: "string" } } } },
        ],
      },
      "tools[0].parameters.properties.correspondent: name_reserved",
    ],
  ] as const;
  for (const [name, json, problem] of wrong) {
    test(`is refused for ${name}`, () => {
      expect(problemsOf(json)).toEqual([problem]);
    });
  }

  test("is refused with all its problems at once", () => {
    expect(problemsOf({ tools: [{ ...tool, cwd: ".", arguments: ["{a}", "{b}"] }] })).toHaveLength(3);
  });
});

const filled = [
  [["{a}"], { a: "x y" }, ["x y"]],
  [["{a}{b}", "--n={n}"], { a: "x", b: "y", n: 5 }, ["xy", "--n=5"]],
  [["{a}", "--lang={lang}"], { a: "x" }, ["x"]],
  [["{a}"], { a: "{b}", b: "no" }, ["{b}"]],
  [["$&", "{a}"], { a: "$& $1" }, ["$&", "$& $1"]],
  [["-{a}"], { a: "-" }, ["--"]],
  [["--on={a}"], { a: "-x" }, ["--on=-x"]],
  [["{a}"], { a: "-x" }, "refused"],
  [["{n}"], { n: -5 }, "refused"],
  [["{a}{b}"], { a: "", b: "--help" }, "refused"],
  [["x{a}"], { a: "\0" }, "refused"],
  [["{toString}"], {}, []],
] as const;

describe("an argument is its template with values, and an option only where the template is one", () => {
  for (const [templates, values, expected] of filled) {
    test(`${templates.join(" ")} with ${JSON.stringify(values)}`, () => {
      const result = fillArguments(templates, values);
      expect(result.ok ? result.arguments : "refused").toEqual(expected);
    });
  }
});

describe("a model's settings are refused for", () => {
  const httpTool = {
    name: "stock",
    description: "Stock.",
    url: "https://tools.example/stock",
    method: "GET" as const,
    parameters: { type: "object", properties: { a: { type: "string" } } },
    timeoutMs: 1_000,
  };
  const operator = { ...noOperatorConfig, toolHosts: ["tools.example"], tools: [] };
  const wrong = [
    ["a URL that may not be reached", { url: "http://127.0.0.1/v1" }, "url: url_refused"],
    ["a cap on cost without a price", { costPerMessage: 1 }, "price: price_missing"],
    ["a tool that the operator lacks", { tools: ["x"] }, "tools[0]: tool_unknown"],
    [
      "a tool on another host",
      { httpTools: [{ ...httpTool, url: "https://evil.example/" }] },
      "httpTools[0].url: tool_host_refused",
    ],
    [
      "a tool with a user name in its URL",
      { httpTools: [{ ...httpTool, url: "https://a@tools.example/" }] },
      "httpTools[0].url: url_refused",
    ],
    ["two tools of one name", { httpTools: [httpTool, httpTool] }, "httpTools[1].name: name_taken"],
    ["a tool named like ours", { httpTools: [{ ...httpTool, name: "escalate" }] }, "httpTools[0].name: name_reserved"],
    [
      "a tool with a wrong schema",
      { httpTools: [{ ...httpTool, parameters: {} }] },
      "httpTools[0].parameters.type: type_unknown",
    ],
    [
      "a query of lists",
      {
        httpTools: [
          {
            ...httpTool,
            parameters: { type: "object", properties: { a: { type: "array", items: { type: "string" } } } },
          },
        ],
      },
      "httpTools[0].parameters.properties.a: parameter_not_scalar",
    ],
    ["links to a top-level domain", { linkHosts: ["com"] }, "linkHosts[0]: host_public_suffix"],
    ["links to hosts that are rented out", { linkHosts: ["github.io"] }, "linkHosts[0]: host_public_suffix"],
    ["links to what is no host", { linkHosts: ["https://shop.example/"] }, "linkHosts[0]: host_wrong"],
  ] as const;
  for (const [name, changes, problem] of wrong) {
    test(name, () => {
      const problems = checkModelSettings(modelSettings("https://models.example/v1", changes), operator);
      expect(problems.map(({ field, code }) => `${field}: ${code}`)).toEqual([problem]);
    });
  }

  test("nothing, where nothing is wrong", () => {
    const settings = modelSettings("https://models.example/v1", {
      httpTools: [httpTool],
      linkHosts: ["bücher.de", "shop.co.uk"],
    });
    expect(checkModelSettings(settings, operator)).toEqual([]);
  });
});
