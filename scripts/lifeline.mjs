/**
 * Loaded ahead of a program that one of our scripts starts: when that script is killed, however hard, the program dies
 * with it, as if it had been killed too. What a crash leaves behind, the next start puts in order.
 */
process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));
process.channel?.unref();
