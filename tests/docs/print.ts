import { fieldRows } from "./field-tables.ts";

console.log(JSON.stringify([...fieldRows]));
