/** What tests need: private servers, next hops that misbehave, real peers. */
export { type PrivateDatabase, type PrivateDatabaseOptions, privateDatabase } from "./database.ts";
export { type PrivateRedis, privateRedis } from "./redis.ts";
