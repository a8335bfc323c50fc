module github.com/sabir-ipc/sabir

go 1.26.0

require (
	github.com/BurntSushi/toml v1.6.0 // hub: unit files, with the line of a mistake and of a key that is none
	github.com/coder/websocket v1.8.15 // web: the WebSocket handshake and frames, strict, without compression
	github.com/fxamacker/cbor/v2 v2.10.0 // tests: the oracle for our CBOR, and the other end of the conversations
	github.com/go-json-experiment/json v1.27.2 // tests: the oracle for our JSON, strict as encoding/json is not
	github.com/rivo/uniseg v0.4.7 // cmd/sabir: how many cells of a terminal text takes
	github.com/rogpeppe/go-internal v1.16.0 // tests: the command line as sessions (testscript)
	github.com/spf13/cobra v1.10.2 // cmd/sabir: flags among arguments, help, completion for three shells
	github.com/spf13/pflag v1.0.9 // cmd/sabir: what is wrong with a flag, as cobra's parser says it
	golang.org/x/sys v0.49.0 // cmd/sabir: whether somebody still reads the pipe it prints to; tests: pseudo-terminals, networks of their own
	golang.org/x/term v0.47.0 // cmd/sabir: is this a terminal, and how wide; the line editor of the shell, which leaves room above its prompt
	rsc.io/qr v0.2.0 // cmd/sabir: the code of sabir pair that a camera reads
)

require (
	github.com/cpuguy83/go-md2man/v2 v2.0.6 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/russross/blackfriday/v2 v2.1.0 // indirect
	github.com/x448/float16 v0.8.4 // indirect
	go.yaml.in/yaml/v3 v3.0.4 // indirect
	golang.org/x/tools v0.26.0 // indirect
)
