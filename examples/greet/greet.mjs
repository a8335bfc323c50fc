import { connect, SabirError } from "./sabir.mjs";

const hello = connect(process.argv[2]);

async function greet(name) {
  try {
    return (await hello.call("hello.greet", { name })).text;
  } catch (no) {
    if (no instanceof SabirError) return `${no.name}: ${no.message}`;
    throw no;
  }
}

console.log(await greet("ann"));
console.log(await greet("bob"));
hello.close();
