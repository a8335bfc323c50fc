package sabir

// SupportsGeneratedCode1 is there if this package has what the code of sabir gen
// go needs, in its first form. A file that asks for another does not compile:
// either run go generate again, with the sabir command of this module's version,
// or take a newer version of this module.
const SupportsGeneratedCode1 = true
