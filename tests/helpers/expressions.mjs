// Evaluates expressions of workflows by GitHub's own library, whose folder is the argument. Each line
// of standard input is a question and each line of standard output its answer, both JSON.
import { createInterface } from "node:readline";

const { data, Evaluator, Lexer, Parser } = await import(`${process.argv[2]}/dist/index.js`);

// GitHub takes a key that is not there for an empty string. Here it is an error, unless the key "?" says
// that others may be missing.
class Known extends data.Dictionary {
  get(key) {
    const found = super.get(key);
    if (found === undefined && !super.get("?"))
      throw new Error(`unknown key ${key}; known: ${this.keys.join(", ")}`);
    return found;
  }
}

function toData(value) {
  if (value === null) return new data.Null();
  if (typeof value === "boolean") return new data.BooleanData(value);
  if (typeof value === "number") return new data.NumberData(value);
  if (typeof value === "string") return new data.StringData(value);
  if (Array.isArray(value)) return new data.Array(...value.map(toData));
  return new Known(...Object.entries(value).map(([key, v]) => ({ key, value: toData(v) })));
}

function answer({ expression, contexts, functions }) {
  const known = Object.entries(functions).map(([name, values]) => ({
    name,
    minArgs: 0,
    maxArgs: 255,
    call: (...given) => {
      const found = values[JSON.stringify(given.map((one) => one.coerceString()))];
      if (found === undefined) throw new Error(`${name}() was asked for what it does not know`);
      return toData(found);
    },
  }));
  const { tokens } = new Lexer(expression).lex();
  const tree = new Parser(tokens, Object.keys(contexts), known).parse();
  const byName = new Map(known.map((one) => [one.name.toLowerCase(), one]));
  const result = new Evaluator(tree, toData(contexts), byName).evaluate();
  return { value: JSON.parse(JSON.stringify(result, data.replacer)), text: result.coerceString() };
}

for await (const line of createInterface({ input: process.stdin })) {
  let said;
  try {
    said = answer(JSON.parse(line));
  } catch (error) {
    said = { error: error.message };
  }
  process.stdout.write(`${JSON.stringify(said)}\n`);
}
