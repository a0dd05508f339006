/** Decides whether and how to answer inbound messages, and puts the answers into the outbox. Needs SQL only. */
export { answerSettings } from "./config.ts";
export { type AnsweringDeps, type AnsweringSettings, startAnswering } from "./start-answering.ts";
