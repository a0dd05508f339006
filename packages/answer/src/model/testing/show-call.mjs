// Shows how it was called: its arguments, environment and folder.
console.log(JSON.stringify({ arguments: process.argv.slice(2), env: process.env, cwd: process.cwd() }));
