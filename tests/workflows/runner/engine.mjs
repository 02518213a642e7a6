// GitHub's own parser and expression evaluator as a service: one JSON request per line in, one answer per line out.
import fs from "node:fs";
import { register } from "node:module";
import path from "node:path";
import readline from "node:readline";

register("./json-hook.mjs", import.meta.url);
const { NoOperationTraceWriter, convertWorkflowTemplate, parseWorkflow } = await import("@actions/workflow-parser");
const { parseAction } = await import("@actions/workflow-parser/actions/action-parser");
const { convertActionTemplate } = await import("@actions/workflow-parser/actions/action-template");
const { ErrorPolicy } = await import("@actions/workflow-parser/model/convert");
const { ensureStatusFunction } = await import("@actions/workflow-parser/model/converter/if-condition");
const { isBasicExpression, isLiteral, isMapping, isSequence } = await import("@actions/workflow-parser/templates/tokens/type-guards");
const { Evaluator, Lexer, Parser, data } = await import("@actions/expressions");
const { truthy } = await import("@actions/expressions/result");
const { hashFiles } = await import("./hash-files.mjs");

const CONDITIONS = new Set(["job-if", "step-if"]);

// Parsed YAML as plain JSON; expressions stay unevaluated as {"$expr": …} and conditions as {"$if": …}.
function plain(token) {
  if (CONDITIONS.has(token.definitionInfo?.definition.key)) return { $if: condition(token) };
  if (isBasicExpression(token)) return { $expr: token.expression };
  if (isLiteral(token)) return token.value ?? null;
  if (isSequence(token)) return [...token].map(plain);
  if (isMapping(token)) return Object.fromEntries([...token].map(({ key, value }) => [key.toString(), plain(value)]));
  throw new Error(`${token.toString()} is not modelled`);
}

function condition(token) {
  const source = isBasicExpression(token) ? token.expression : token.toString().trim();
  return source === "" ? "success()" : ensureStatusFunction(source, token.definitionInfo);
}

function answer(result) {
  const errors = result.context.errors.getErrors().map((error) => error.message);
  return { errors, value: result.value === undefined ? null : plain(result.value) };
}

async function workflow({ root, file }) {
  const read = (name) => ({ name, content: fs.readFileSync(path.join(root, name), "utf8") });
  const result = parseWorkflow(read(file), new NoOperationTraceWriter());
  const value = result.value === undefined ? null : plain(result.value);
  const provider = { getFileContent: async (reference) => read(reference.path) };
  const options = { fetchReusableWorkflowDepth: 1, maxReusableWorkflowDepth: 10, errorPolicy: ErrorPolicy.TryConversion };
  if (result.value) await convertWorkflowTemplate(result.context, result.value, provider, options);
  return { ...answer({ ...result, value: undefined }), value };
}

function action({ file }) {
  const result = parseAction({ name: path.basename(file), content: fs.readFileSync(file, "utf8") }, new NoOperationTraceWriter());
  if (result.value) convertActionTemplate(result.context, result.value, { errorPolicy: ErrorPolicy.TryConversion });
  return answer(result);
}

function toData(value) {
  if (value === null || value === undefined) return new data.Null();
  if (typeof value === "boolean") return new data.BooleanData(value);
  if (typeof value === "number") return new data.NumberData(value);
  if (typeof value === "string") return new data.StringData(value);
  if (Array.isArray(value)) return new data.Array(...value.map(toData));
  return new data.Dictionary(...Object.entries(value).map(([key, item]) => ({ key, value: toData(item) })));
}

function fromData(value) {
  switch (value.kind) {
    case data.Kind.Null: return null;
    case data.Kind.Array: return value.values().map(fromData);
    case data.Kind.Dictionary: return Object.fromEntries(value.pairs().map((pair) => [pair.key, fromData(pair.value)]));
    default: return value.kind === data.Kind.String ? value.coerceString() : value.value;
  }
}

function functions({ status, workspace }) {
  const named = (name, call) => ({ name, description: "", minArgs: 0, maxArgs: 255, call });
  const flag = (name) => named(name, () => new data.BooleanData(status[name]));
  return [
    ...["success", "failure", "cancelled"].map(flag),
    named("always", () => new data.BooleanData(true)),
    named("hashFiles", (...patterns) => {
      if (!workspace) throw new Error("hashFiles() has no workspace here");
      return new data.StringData(hashFiles(workspace, patterns.map((pattern) => pattern.coerceString())));
    }),
  ];
}

function compute(expression, request) {
  const extra = functions(request);
  const tree = new Parser(new Lexer(expression).lex().tokens, Object.keys(request.contexts), extra).parse();
  const implementations = new Map(extra.map((item) => [item.name.toLowerCase(), item]));
  return new Evaluator(tree, toData(request.contexts), implementations).evaluate();
}

const scalar = (result, strings) => (strings && result.primitive ? result.coerceString() : fromData(result));
const literal = (value, strings) => (strings && value !== null && typeof value !== "object" ? toData(value).coerceString() : value);

function evaluateTree(value, request) {
  if (Array.isArray(value)) return value.map((item) => evaluateTree(item, request));
  if (value === null || typeof value !== "object") return value === null && request.strings ? "" : literal(value, request.strings);
  if ("$expr" in value) return scalar(compute(value.$expr, request), request.strings);
  if ("$if" in value) return truthy(compute(value.$if, request));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, evaluateTree(item, request)]));
}

const handlers = { workflow, action, evaluate: (request) => ({ value: evaluateTree(request.value, request) }) };

for await (const line of readline.createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  try {
    console.log(JSON.stringify(await handlers[request.op](request)));
  } catch (error) {
    console.log(JSON.stringify({ failure: error.message }));
  }
}
