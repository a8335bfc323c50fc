module github.com/sabir-ipc/sabir

go 1.26.0

require (
	github.com/fxamacker/cbor/v2 v2.10.0 // tests: the oracle for our CBOR, and the other end of the conversations
	github.com/go-json-experiment/json v1.27.2 // tests: the oracle for our JSON, strict as encoding/json is not
	github.com/rogpeppe/go-internal v1.16.0 // tests: the command line as sessions (testscript)
	github.com/spf13/cobra v1.10.2 // cmd/sabir: flags among arguments, help, completion for three shells
	golang.org/x/term v0.47.0 // cmd/sabir: is this a terminal, and how wide
)

require (
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/spf13/pflag v1.0.9 // indirect
	github.com/x448/float16 v0.8.4 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/tools v0.26.0 // indirect
)
